"""How pools fare together, as it was seen: the best that is up, and where its loss leads.

Several pools are taken as one, of which the best that is up is held until it is lost; then another
is up, of such an age as pools had that were up, or none is, as often as it was in the past.

Legend: T = ticks, P = pools, S = down or up, B = age bins.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .spot_ages import BINS, EDGES_HOURS, bin_of
from .validity import Floats
from .watched import Bools, Ints

PRIOR_LOSSES = 2.0  # Losses' worth of the plain share of time in each state.


@dataclass(frozen=True)
class Pooled:
    """One pool, or several as one: what a job meets that holds the best that is up."""

    usd_per_hour: float
    lost_per_hour_B: Floats  # Of the pool held, by the age of its state.
    found_per_hour_B: Floats  # From none being up for an age to one being up.
    another_share: float  # Of losses after which another pool is up at once.
    another_B: Floats  # Of which age it then is.
    _moves: dict[float, Floats] = field(default_factory=dict)

    def moves(self, hours: float) -> Floats:
        """Return the chance to go from each age of the best pool to each, or to none up, shape (B, B + 1)."""
        if hours not in self._moves:
            onward, each = onward_in(hours), np.arange(BINS)
            lost = -np.expm1(-self.lost_per_hour_B * hours)
            found = np.zeros((BINS, BINS + 1))
            found[each, each] += (1.0 - lost) * (1.0 - onward)
            found[each, np.minimum(each + 1, BINS - 1)] += (1.0 - lost) * onward
            found += lost[:, None] * self.after_loss()[None, :]
            self._moves[hours] = found
        return self._moves[hours]

    def after_loss(self) -> Floats:
        """Return where a loss leads: the age of another pool that is up, or none up, shape (B + 1,)."""
        return np.append(self.another_share * self.another_B, 1.0 - self.another_share)


def onward_in(hours: float) -> Floats:
    """Return the chance to grow into the next age bin within some hours, shape (B,)."""
    return np.asarray(np.minimum(hours / np.diff(np.concatenate([[0.0], EDGES_HOURS, [1e9]])), 1.0))


def one_pool(usd_per_hour: float, hazard_SB: Floats) -> Pooled:
    """Return one pool as itself."""
    return Pooled(usd_per_hour, hazard_SB[1], hazard_SB[0], 0.0, np.eye(BINS)[0])


def pooled(
    up_TP: Bools, tick_hours: float, price_P: Floats, cost_P: Floats, up_per_hour_PB: Floats, union_SB: Floats
) -> Pooled:
    """Return several pools as one, from their history.

    Args:
        up_TP: Their past; may be empty.
        tick_hours: Of the history.
        price_P: USD per hour.
        cost_P: What an hour in each costs, overheads counted: the least is the best.
        up_per_hour_PB: Hazards of each.
        union_SB: Hazards of some being up (row 1) and of none (row 0), by age.
    """
    order = np.argsort(cost_P, kind="stable")
    some_T = np.asarray(up_TP.any(axis=1), dtype=bool)
    best_T = order[np.argmax(up_TP[:, order], axis=1)] if some_T.size else np.zeros(0, dtype=np.int64)
    share_P = np.bincount(best_T[some_T], minlength=price_P.size) + PRIOR_LOSSES / price_P.size
    share_P = share_P / share_P.sum()
    return Pooled(
        usd_per_hour=float(share_P @ price_P),
        lost_per_hour_B=share_P @ up_per_hour_PB,
        found_per_hour_B=union_SB[0],
        another_share=_up_after_loss(up_TP, some_T),
        another_B=_ages_of_best(up_TP, some_T, best_T, tick_hours),
    )


def _up_after_loss(up_TP: Bools, some_T: Bools) -> float:
    """Return how often some other pool was up when one was lost."""
    lost_TP = up_TP[:-1] & ~up_TP[1:]
    losses = lost_TP.sum(axis=1)
    share = some_T.mean() if some_T.size else 0.5
    return float(((losses * some_T[1:]).sum() + PRIOR_LOSSES * share) / (losses.sum() + PRIOR_LOSSES))


def _ages_of_best(up_TP: Bools, some_T: Bools, best_T: Ints, tick_hours: float) -> Floats:
    """Return how old the best pool that is up was, over the past, shape (B,)."""
    here = np.flatnonzero(some_T)
    bins = bin_of((ages_of(up_TP)[here, best_T[here]] - 0.5) * tick_hours)
    count = np.bincount(bins, minlength=BINS) + PRIOR_LOSSES / BINS
    return np.asarray(count / count.sum())


def stay_hours(lost_per_hour_PB: Floats, horizon_hours: float) -> tuple[Floats, Floats]:
    """Return the mean hours a machine of each age still lives, cut at a horizon, and the chance to reach it.

    Both of shape (P, B); an age bin stands for its middle.
    """
    edge = np.concatenate([[0.0], EDGES_HOURS, [1e9]])
    middle = np.append((edge[:-2] + edge[1:-1]) / 2.0, 1.5 * EDGES_HOURS[-1])
    hours, alive = np.zeros_like(lost_per_hour_PB), np.ones_like(lost_per_hour_PB)
    for start in range(BINS):
        age, survive = middle[start], np.ones(lost_per_hour_PB.shape[0])
        left = horizon_hours
        for number in range(start, BINS):
            span = min(edge[number + 1] - age, left)
            hazard = lost_per_hour_PB[:, number]
            hours[:, start] += survive * -np.expm1(-hazard * span) / np.maximum(hazard, 1e-12)
            survive = survive * np.exp(-hazard * span)
            age, left = edge[number + 1], left - span
            if left <= 0:
                break
        alive[:, start] = survive
    return hours, alive


def ages_of(up_TP: Bools) -> Ints:
    """Return for how many ticks, this one included, each state has lasted, shape (T, P)."""
    index_T1 = np.arange(up_TP.shape[0])[:, None]
    turned = np.ones_like(up_TP, dtype=bool)
    turned[1:] = up_TP[1:] != up_TP[:-1]
    return np.asarray(index_T1 - np.maximum.accumulate(np.where(turned, index_T1, 0), axis=0) + 1)
