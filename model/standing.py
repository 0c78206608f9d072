"""How sure a first place is: the share of common draws in which an option is the cheapest in time.

Every pool is drawn with the same luck, so a draw is one course of the world in which all pools
fare alike: that tells apart what differs by its merits. Pools do not fare alike in full, so the
share is also told with the luck of each shuffled, as if it were its own. The truth of a near tie
lies between the two.

Legend: O = options, D = draws.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import ImpossibleInput
from .estimate import Drawn


def p_first(drawn: Sequence[Drawn | None], *, apart: bool = False) -> list[float | None]:
    """Return for each option the share of draws it wins, and None where it has no draws.

    The winner of a draw is the cheapest by effective price among those that are done in time
    there; options that tie share the draw. A draw in which none is in time is won by none, so
    the shares sum to 1 less the chance of that.

    Args:
        drawn: Of each option, None where it has no draws.
        apart: Give each option luck of its own, by shuffling its draws (the same way each time).

    Raises:
        ImpossibleInput: Options were drawn a different number of times, so their draws do not pair.
    """
    shown = [place for place, each in enumerate(drawn) if each is not None]
    found: list[float | None] = [None] * len(drawn)
    if not shown:
        return found
    counts = {len(each.effective_usd_per_gpu_hour_D) for each in drawn if each is not None}
    if len(counts) > 1:
        raise ImpossibleInput(
            f"Options were drawn {sorted(counts)} times; draws of the same luck are compared one by one.",
            fix="Estimate all options with the same number of draws and the same seed.",
        )
    price_OD = np.stack([each.effective_usd_per_gpu_hour_D for each in drawn if each is not None])
    late_OD = np.stack([~each.in_time_D for each in drawn if each is not None])
    price_OD = np.where(late_OD, np.inf, price_OD)
    if apart:
        price_OD = np.random.default_rng(0).permuted(price_OD, axis=1)
    best_OD = (price_OD == price_OD.min(axis=0)) & np.isfinite(price_OD)
    share_O = (best_OD / np.maximum(best_OD.sum(axis=0), 1)).mean(axis=1)
    for place, won in zip(shown, share_O, strict=True):
        found[place] = float(won)
    return found
