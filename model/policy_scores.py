"""What policies cost over recorded windows: means, missed deadlines, and the share of the gap closed.

The gap is what Uniform Progress pays above the omniscient bound, summed over windows; a policy's
share of it may be negative. Windows overlap, so intervals redraw zones and, within them, days, never
windows.

Legend: K = sums of a cell (windows, then the cost of each policy), R = redraws.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .policy_windows import BOUND, UNIFORM, Played
from .validity import Floats

REDRAWS = 500
LOW, HIGH = 0.05, 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One policy over some windows, with 90 % intervals."""

    scope: str  # all | variant | zone | day
    name: str  # Of the variant or zone; the day's number as text.
    kind: str  # single | several
    policy: str
    windows: int
    zones: int
    days: int
    missed: int
    cost_usd: float  # Mean per job.
    cost_low_usd: float
    cost_high_usd: float
    share_closed: float | None  # None without Uniform Progress and the bound, or where there is no gap.
    share_low: float | None
    share_high: float | None


def scores(played: Sequence[Played], policies: Sequence[str], seed: int) -> list[Score]:
    """Return each policy's score over all windows of a kind, by variant, by zone and by day.

    Args:
        played: Parts, as `policy_windows.play` gives them.
        policies: In the order in which they are told; each was played in every part.
        seed: Of the redraws.
    """
    rng = np.random.default_rng(seed)
    found: list[Score] = []
    for scope, name, kind, cells, missed in _scopes(played, policies):
        found += _scored(scope, name, kind, cells, missed, policies, rng)
    return found


Cells = dict[str, dict[int, Floats]]  # By zone and day.


def _scopes(
    played: Sequence[Played], policies: Sequence[str]
) -> Iterator[tuple[str, str, str, Cells, dict[str, int]]]:
    """Yield what is scored together."""
    together: dict[tuple[int, str, str, str], Cells] = defaultdict(lambda: defaultdict(dict))
    missed: dict[tuple[int, str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for each in played:
        for day in np.unique(each.day_B):
            here_B = each.day_B == day
            sums = np.array([here_B.sum(), *(each.cost_usd[name][here_B].sum() for name in policies)])
            for key in _keys(each, int(day)):
                before = together[key][each.zone].get(int(day), 0.0)
                together[key][each.zone][int(day)] = before + sums
                for name in policies:
                    missed[key][name] += int(each.missed[name][here_B].sum())
    for key in sorted(together):
        _, scope, kind, name = key
        yield scope, name, kind, together[key], missed[key]


def _keys(each: Played, day: int) -> list[tuple[int, str, str, str]]:
    scarcity = "scarce" if each.scarce else "plentiful"
    variant = f"{scarcity}, {each.deadline_hours:g} h, overhead {each.overhead_hours:g} h"
    return [
        (0, "all", each.kind, ""), (1, "variant", each.kind, variant), (2, "zone", each.kind, each.zone),
        (3, "day", each.kind, f"{day:06d}"),
    ]  # fmt: skip


def _scored(
    scope: str,
    name: str,
    kind: str,
    cells: Cells,
    missed: dict[str, int],
    policies: Sequence[str],
    rng: np.random.Generator,
) -> list[Score]:
    zones = [np.array(list(days.values())) for days in cells.values()]
    total_K = np.sum([rows.sum(axis=0) for rows in zones], axis=0)
    drawn_RK = _redrawn(zones, rng)
    found = []
    for number, policy in enumerate(policies):
        cost = total_K[1 + number] / total_K[0]
        low, high = np.quantile(drawn_RK[:, 1 + number] / drawn_RK[:, 0], [LOW, HIGH])
        share, share_low, share_high = _share(total_K, drawn_RK, number, policies)
        found.append(
            Score(
                scope=scope, name=name, kind=kind, policy=policy, windows=int(total_K[0]), zones=len(zones),
                days=len({day for days in cells.values() for day in days}), missed=missed[policy],
                cost_usd=float(cost), cost_low_usd=float(low), cost_high_usd=float(high),
                share_closed=share, share_low=share_low, share_high=share_high,
            )
        )  # fmt: skip
    return found


def _redrawn(zones: Sequence[Floats], rng: np.random.Generator) -> Floats:
    """Return sums over zones redrawn, and within each its days, shape (R, K)."""
    found = np.empty((REDRAWS, zones[0].shape[1]))
    for number in range(REDRAWS):
        rows = [zones[zone] for zone in rng.integers(0, len(zones), len(zones))]
        found[number] = sum(row[rng.integers(0, len(row), len(row))].sum(axis=0) for row in rows)
    return found


def _share(
    total_K: Floats, drawn_RK: Floats, number: int, policies: Sequence[str]
) -> tuple[float | None, float | None, float | None]:
    """Return the share of the gap closed with its interval."""
    if UNIFORM not in policies or BOUND not in policies:
        return None, None, None
    uniform, bound = 1 + policies.index(UNIFORM), 1 + policies.index(BOUND)
    gap = total_K[uniform] - total_K[bound]
    gap_R = drawn_RK[:, uniform] - drawn_RK[:, bound]
    there_R = gap_R > 0
    if not gap > 0 or not there_R.any():
        return None, None, None
    drawn = (drawn_RK[there_R, uniform] - drawn_RK[there_R, 1 + number]) / gap_R[there_R]
    low, high = np.quantile(drawn, [LOW, HIGH])
    return float((total_K[uniform] - total_K[1 + number]) / gap), float(low), float(high)
