"""The second look at the best options: simulated on markets made of what was watched.

A pool that was probed, or whose siblings were, is put on recorded weeks that began like now and on
lives drawn from what its family showed; one in which instances ran, on lives drawn from theirs.
Other pools keep the closed form: nothing better is known of them. What was learned of a family is
kept for the instant it was learned for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from collector.store import Store
from model.errors import LowtideError
from model.estimate import Estimate, PoolStatistics
from model.job import Job
from model.market import CapacityType, Evidence
from model.markets import Chosen, Past, market_of, past_of
from model.placement import Outcome, SideCosts, gang_hazard, placed
from model.simulated import converged_estimate, simulation
from model.tenured import Ran, tenure_market

from .tenured import ran_in
from .watched import place_of, watched_pools

MOST_PATHS = 16_000  # Ten pools within seconds; the error reached is told.
MOST_LIVES = 1000  # An option on which a course takes more machines keeps the closed form, soon said.
WINDOW = timedelta(days=30)
KEPT = 16  # Families at an instant, each learned in about a second.
SEEN = frozenset({Evidence.TENURES, Evidence.PROBES, Evidence.BORROWED})


@dataclass(frozen=True, slots=True)
class Family:
    """One provider's spot pools of one GPU model, as known at an instant."""

    past: Past | None  # None where no pool of it is watched.
    ran: Ran | None  # None where too few instances of it ran.


class Simulating:
    """A `Refine`: estimates an option once more on simulated courses.

    Args:
        store: Where probes and tenures are read.
        most_paths: Where to stop adding paths.
    """

    def __init__(self, store: Store, most_paths: int = MOST_PATHS) -> None:
        self._store, self._most_paths = store, most_paths
        self._families: OrderedDict[tuple[str, datetime], Family] = OrderedDict()
        self._lock = Lock()

    def __call__(self, job: Job, statistics: PoolStatistics, side: SideCosts, seed: int) -> Estimate | None:
        """Return the simulated estimate; None where neither the pool nor a sibling was seen.

        Raises:
            LowtideError: The job cannot be simulated there, such as where courses never end.
        """
        if statistics.evidence not in SEEN or statistics.pool.capacity_type is not CapacityType.SPOT:
            return None
        market = _maker(self._family(statistics), job, statistics, side, seed)
        if market is None:
            return None
        found = converged_estimate(
            job,
            statistics,
            side,
            lambda paths: market(paths).market,
            seed=seed,
            from_at=statistics.as_of,
            most_lives=MOST_LIVES,
            most_paths=self._most_paths,
        )
        return replace(found, market=market(1).why, drawn=None)  # Its luck is not that of the other pools.

    def courses(
        self, job: Job, statistics: PoolStatistics, side: SideCosts, seed: int, paths: int
    ) -> Outcome | None:
        """Return simulated courses for an allocation; None where the closed form has to do.

        Path p of one pool is the same course of the world as path p of another, as far as the record
        tells: history is replayed at the same clock time, and regimes of near pools are alike.
        """
        if statistics.evidence not in SEEN or statistics.pool.capacity_type is not CapacityType.SPOT:
            return None
        try:
            market = _maker(self._family(statistics), job, statistics, side, seed)
            if market is None:
                return None
            made = simulation(
                job, statistics, side, market(paths).market,
                seed=seed, from_at=statistics.as_of, most_lives=MOST_LIVES,
            )  # fmt: skip
        except LowtideError:
            return None
        return made.outcome

    def _family(self, statistics: PoolStatistics) -> Family:
        """Return a pool's family as known at an instant, learned once."""
        provider, gpu_model = statistics.pool.provider, statistics.sku.gpu_model
        key = f"{provider}/{gpu_model}", statistics.as_of
        with self._lock:  # Two that ask at once wait for one learning, which is the dear part.
            if key not in self._families:
                self._families[key] = self._learned(provider, gpu_model, statistics.as_of)
            self._families.move_to_end(key)
            while len(self._families) > KEPT:
                self._families.popitem(last=False)
            return self._families[key]

    def _learned(self, provider: str, gpu_model: str, as_of: datetime) -> Family:
        places = [
            place_of(pool, gpu_model)
            for pool, sku in self._store.pools(as_of)
            if (pool.provider, sku.gpu_model, pool.capacity_type) == (provider, gpu_model, CapacityType.SPOT)
        ]
        probed = [
            each for each in self._store.probed(as_of) if place_of(each.pool, each.gpu_model) in set(places)
        ]
        pools = watched_pools(self._store, probed, as_of=as_of, window=WINDOW)
        seen = {pool.place for pool in pools}
        past = past_of(pools, [place for place in places if place not in seen]) if pools else None
        return Family(past, ran_in(self._store, provider, gpu_model, places, as_of=as_of))


def _maker(
    family: Family, job: Job, statistics: PoolStatistics, side: SideCosts, seed: int
) -> Callable[[int], Chosen] | None:
    """Return what makes a pool's market of so many paths.

    By instances where they ran in it, by probes where it was probed; else as its siblings, by
    probes before instances. None where nobody saw any.
    """
    place = place_of(statistics.pool, statistics.sku.gpu_model)
    past = family.past if family.past is not None and place in family.past.places else None
    if past is not None and statistics.evidence is not Evidence.TENURES:
        return lambda paths: market_of(past, place, paths=paths, seed=seed)
    ran = family.ran
    if ran is None or place not in ran.places or statistics.evidence is Evidence.PROBES:
        return None
    often = float(gang_hazard(job, statistics, 1.0))
    absent = placed(job, statistics, side, statistics.hazard_per_hour).first_wait_chance
    return lambda paths: tenure_market(
        ran, past, place, statistics, times_as_often=often, absent_share=absent, paths=paths, seed=seed
    )
