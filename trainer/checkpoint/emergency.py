"""What to do with the rest of a notice: the rungs there are now, and one choice for all ranks.

Every rank prices every rung by its own bytes and speeds; the dearest price counts, and the shortest time
left, so that all ranks save the same.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from .capture import TrainingState
from .ladder import Choice, Price, Rung, choose, pick, price, unfinished_bytes, worst
from .ledger import Ledger, Tier
from .ranks import Ranks
from .saves import CaptureRung

NEW_WRITER_S = 2.0  # To end a writer in the middle of a save and have another at work.
OF_TIER: dict[Tier, CaptureRung] = {"F": "exact", "W": "bf16_weights", "E": "exact"}
CAPTURED: dict[str, tuple[Tier, CaptureRung]] = {
    "exact": ("F", "exact"),
    "bf16_moments": ("E", "bf16_moments"),
    "bf16_weights": ("E", "bf16_weights"),
    "delta": ("W", "bf16_weights"),
}


def rungs_of(
    state: TrainingState, ledger: Ledger, ranks: Ranks, allow_inexact: bool, *, overhead_s: float = 0.0
) -> list[Rung]:
    """Return what could be saved anew, the best first; what may not be restored would help nobody."""
    found = []
    for what, (tier, captured) in CAPTURED.items():
        is_possible = what != "delta" or ledger.may_measure_from_a_keyframe
        if (what == "exact" or allow_inexact) and is_possible:
            size = state.size(captured)
            copied = ledger.copied_bytes(tier, size, ranks=ranks.world_size)
            found.append(Rung(what=what, bytes=size, copied_bytes=copied, overhead_s=overhead_s))  # type: ignore[arg-type]
    return found


def flush_of(ledger: Ledger, rank: int) -> list[Rung]:
    """Return the rung that saves nothing anew: the way is left to what stands on this machine alone.

    Rank 0 copies for all; the others have nothing against it.
    """
    unsent = ledger.unsent_bytes
    return [Rung(what="flush", bytes=0, copied_bytes=unsent)] if unsent or rank > 0 else []


def is_too_late(ledger: Ledger, size: int, began: float, left_s: float, smaller: list[Rung]) -> bool:
    """Tell whether a save on its way cannot be finished in time and a smaller one can be made instead.

    Args:
        size, began: Its captured bytes, and when it began, by `time.perf_counter`.
    """
    left = unfinished_bytes(size, time.perf_counter() - began, ledger.speeds)
    on_its_way = Rung(what="finish", bytes=left, copied_bytes=ledger.copied_bytes("F", size))
    return choose(left_s, [on_its_way, *smaller], ledger.speeds).rung not in ("finish", None)


def agree(ranks: Ranks, step: int, left_s: float, rungs: list[Rung], ledger: Ledger) -> Choice:
    """Return what all ranks do.

    Raises:
        RankLost: One did not say in time what it could do.
    """
    speeds = ledger.speeds
    prices = [asdict(price(each, speeds)) for each in rungs]
    own = {"left_s": left_s, "prices": prices, "commit_s": speeds.long_commit_s}
    told = ranks.gather(f"emergency-{step}", own, within_s=max(1.0, left_s))
    return pick(
        min(each["left_s"] for each in told),
        worst([_prices(each) for each in told]),
        commit_s=max(each["commit_s"] for each in told),
    )


def _prices(told: dict[str, Any]) -> list[Price]:
    return [Price(**each) for each in told["prices"]]
