"""Siting with shipped tariffs: which way of using data and keeping checkpoints is cheapest on a pool.

The model enumerates and prices; here are the tariffs it asks, the neutral stores that are known,
and the figures behind the chosen way, so that an answer lists them. A job that states neither
data nor rules for its checkpoints keeps them beside its GPUs, and nothing else is priced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from collector.figures import Figure
from collector.tariffs import Tariffs
from model.estimate import Estimate, PoolStatistics
from model.job import SECONDS_PER_HOUR, Job
from model.market import Pool
from model.placement import SideCosts
from model.siting import DataWay, Place, Sited, best_siting
from model.siting_cost import pricer

from .sides import RETAINED_CHECKPOINTS, TRANSFER, TRANSFER_BYTES_PER_S

NEUTRAL = (("cloudflare-r2", "auto"),)  # Object stores apart from any GPU, with their egress in the tariffs.


class TariffRates:
    """Tariffs as the model asks for them, each looked up once; `used` holds what was asked."""

    def __init__(self, tariffs: Tariffs, known: dict[tuple[str, str, float], Figure] | None = None) -> None:
        self._tariffs = tariffs
        self._known = {} if known is None else known
        self.used: dict[str, Figure] = {}

    def place(self, provider: str, region: str) -> Place:
        """Return a region with the law it is under."""
        law = self._tariffs.jurisdiction(provider, region)
        return Place(provider=provider, region=region, law=law.tag if law else None)

    def again(self) -> TariffRates:
        """Return the same rates with nothing asked yet."""
        return TariffRates(self._tariffs, self._known)

    def egress_usd_per_gb(self, start: Place, end: Place, moved_bytes: float) -> float:
        """USD per GB between two regions, at the tier of that many bytes."""
        found = self._known.get((start.key, end.key, moved_bytes))
        if found is None:
            found = self._tariffs.egress_usd_per_gb(
                start.provider, start.region, end.provider, end.region, moved_bytes
            )
            self._known[start.key, end.key, moved_bytes] = found
        self.used[found.name] = found
        return float(found.value)

    def storage_usd_per_gb_month(self, place: Place) -> float:
        """USD per GB-month in a provider's object storage."""
        found = self._tariffs.storage_usd_per_gb_month(place.provider)
        self.used[found.name] = found
        return float(found.value)

    def bytes_per_s(self, start: Place, end: Place) -> float:
        """The assumed rate of a parallel copy; nobody has measured the route."""
        self.used[TRANSFER.name] = TRANSFER
        return TRANSFER_BYTES_PER_S


def sited_on(
    job: Job,
    seen: PoolStatistics,
    rates: TariffRates,
    *,
    away: Sequence[Pool] = (),
    from_at: datetime | None = None,
) -> tuple[Sited, list[Figure]]:
    """Return how the job is best sited on a pool, and the figures behind that way.

    Args:
        job: What is computed, where its data lies, what may lie where.
        seen: What is believed of the pool.
        rates: The tariffs.
        away: Pools the run may move to, for the price of a move and a region to replicate to.
        from_at: When the job would start, for its deadline.

    Raises:
        NoSiting: Residency leaves no way.
    """
    here = rates.place(seen.pool.provider, seen.pool.region)
    copies = copies_of(job, rates)
    chooses = bool(copies) or job.data_use.moves > 0 or bool(job.data_use.checkpoints_allowed)
    places = sorted({rates.place(pool.provider, pool.region) for pool in away}, key=lambda each: each.key)
    targets = places if chooses else ()
    found = best_siting(
        job,
        seen,
        pricer(job, seen, rates, here=here, away=targets, retained=RETAINED_CHECKPOINTS),
        here=here,
        copies=copies,
        neutral=[rates.place(*each) for each in NEUTRAL] if chooses else (),
        away=targets,
        hours_to_deadline=_hours_left(job, from_at),
    )
    asked = rates.again()
    pricer(job, seen, asked, here=here, away=(), retained=RETAINED_CHECKPOINTS)(found.chosen.siting)
    return found, list(asked.used.values())


def on_commitment(sited: Sited, found: Estimate) -> Sited:
    """Return the siting on a commitment as its estimate prices it: in marginal money, with the wait to start.

    Its ways were priced at the list rate, of a start at once; they keep what they differ by.
    """
    late = found.parts.late or 0.0
    usd = (found.effective_usd_per_gpu_hour.mean - late) * found.useful_gpu_hours - sited.chosen.total_usd
    hours = found.finish_hours.mean - sited.chosen.wall_hours
    priced = tuple(
        replace(way, total_usd=way.total_usd + usd, wall_hours=way.wall_hours + hours) for way in sited.priced
    )
    return replace(sited, chosen=priced[0], priced=priced)


def settled_side(sited: Sited, *, here: bool) -> SideCosts:
    """Return a siting's side costs; what was brought once is not brought again."""
    chosen = sited.chosen
    if not here or chosen.siting.data is DataWay.READ:
        return chosen.side
    return replace(chosen.side, egress_usd=0.0, egress_hours=0.0)


def copies_of(job: Job, rates: TariffRates) -> list[Place]:
    """Return where the data set lies: its home first, then its replicas; none where it states no bytes."""
    home = [(job.data_provider, job.data_region)] if job.data_provider and job.data_region else []
    known = dict.fromkeys([*home, *job.data_use.replicas])
    return [rates.place(*each) for each in known] if job.dataset_bytes else []


def _hours_left(job: Job, from_at: datetime | None) -> float | None:
    if job.deadline_at is None or from_at is None:
        return None
    return (job.deadline_at - from_at).total_seconds() / SECONDS_PER_HOUR
