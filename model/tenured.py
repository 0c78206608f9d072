"""A market for pools in which instances ran: a gang's lives from theirs, gaps from what was watched.

A constant hazard, however well counted, makes all lives of a pool alike and every week like every
other; intervals made of it are too narrow. Here lives follow the law that the family's instances
showed, with a regime that stays for a week. Where nobody probed, gaps are exponential with the
mean that is believed, which is all that is known of them.

Legend: P = paths, N = lives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .draws import GAP_SPREAD
from .errors import ImpossibleInput, InsufficientHistory
from .estimate import PoolStatistics
from .lives import LifeBelief, LifeLaw, fit_lives
from .luck import uniforms
from .markets import Chosen, Past, laws_of, standing_of
from .observed import Lives
from .renewed import Renewed, Standing
from .tenure_lives import exponential_law, hastened
from .validity import quantity, share
from .watched import Place

LEAST_ENDINGS = 10  # In the family: fewer say how often lives end, but not by which law.
NOTHING_RECENT = np.zeros((1, 0))  # Of instances, what preceded them is not looked at.


@dataclass(frozen=True, slots=True)
class Ran:
    """What a family's instances that ran teach of lives; made by `ran_of`."""

    up: LifeBelief
    lives: int
    pools: int  # In which one of them ran.

    @property
    def places(self) -> tuple[Place, ...]:
        """The pools that may be asked about."""
        return self.up.places


def ran_of(places: Sequence[Place], lives: Lives) -> Ran:
    """Return what instances teach of lives; the costly part, once for all pools.

    Args:
        places: Pools in which instances ran, and others of the family that will be asked about.
        lives: Of instances, see `model.tenure_lives`.

    Raises:
        InsufficientHistory: Too few were taken back to know a law.
    """
    if lives.endings < LEAST_ENDINGS:
        raise InsufficientHistory(
            f"{lives.endings} instances were seen to be taken back; a law of lives needs {LEAST_ENDINGS}.",
            fix="Collect tenures for longer, or go by the counted hazard.",
        )
    return Ran(fit_lives(places, lives), lives.count, np.unique(lives.pool_N).size)


def tenure_market(
    ran: Ran,
    past: Past | None,
    place: Place,
    statistics: PoolStatistics,
    *,
    times_as_often: float,
    absent_share: float,
    paths: int,
    seed: int,
) -> Chosen:
    """Return the market of a gang in one pool.

    A gang asks for new machines, so its first life begins when it gets them. (Where data are moved
    first, the life that runs then began at hour 0; of exponential lives that is no difference.)

    Args:
        ran: What instances taught, the place among its places.
        past: What was probed of the family; None where nothing was, or the place is not of it.
        place: The pool.
        statistics: Of the pool: its mean gap, where nobody probed.
        times_as_often: How often the gang stops for each time an instance does, above 0.
        absent_share: The chance that capacity is absent now, where nobody probed.
        paths: How many courses, 1 or more.
        seed: Of all draws.

    Raises:
        ImpossibleInput: The place is unknown, or a figure is outside its range.
    """
    if place not in ran.places:
        raise ImpossibleInput(f"{place.pool} is not among the places.", fix="Name it when lives are learned.")
    if paths < 1:
        raise ImpossibleInput(f"{paths} paths.", fix="Ask for at least 1 path.")
    index_N = np.array([ran.places.index(place)], dtype=np.int64)
    up = hastened(ran.up.law(index_N, NOTHING_RECENT), times_as_often)
    gap, gap_words = _gaps(past, place, statistics)
    now = _now(past, place, float(share("Chance of absence", absent_share)), paths, seed)
    why = (
        f"All paths are lives drawn from a law learned from {ran.lives} instances that ran in {ran.pools} "
        f"pools of its kind, {ran.up.endings} of them taken back"
        f"{_often(times_as_often)}; {gap_words}."
    )
    return Chosen(Renewed(up, gap, place, now, seed=seed), 0.0, why)


def _gaps(past: Past | None, place: Place, statistics: PoolStatistics) -> tuple[LifeLaw, str]:
    """Return the law of gaps, and what it is made of in words."""
    if past is not None and past.gap.endings:
        return laws_of(past, place)[1], f"gaps from a law learned from {past.gap.endings} that probes watched"
    mean = float(quantity("Gap", statistics.gap_hours, "h", above_zero=True))
    unsure = GAP_SPREAD / np.sqrt(GAP_SPREAD**2 + statistics.preemptions)  # As in the closed form.
    return exponential_law(mean, float(unsure)), f"gaps exponential, {mean:.2g} h on average"


def _now(past: Past | None, place: Place, absent_share: float, paths: int, seed: int) -> Standing:
    """Return how the pool stands; whatever is had of it is a new machine."""
    if past is None:
        there_P = uniforms(seed, "there now", np.arange(paths, dtype=np.int64)) >= absent_share
        return Standing(there_P, np.zeros(paths))
    seen = standing_of(past, place, paths=paths, seed=seed)
    return Standing(seen.up_P, np.where(seen.up_P, 0.0, seen.age_hours_P))


def _often(times: float) -> str:
    return "" if times == 1.0 else f", stopped {times:.3g} times as often as one of them, for a gang is"
