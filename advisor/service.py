"""The composition root: store, catalogue, tariffs and clock behind the questions people ask.

The HTTP layer and the command call these methods; nothing here knows HTTP. Reading the market is in
`Service.market`, recommending in `Service.recommending`, runs in `Service.runs`. Every answer says as
of when, how old the newest fact is, from which sources, and whether any of it is synthetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from collector.catalog import Catalog
from collector.feed_config import FeedsConfig
from collector.store import Store
from collector.tariffs import Tariffs
from model.estimate import PoolStatistics
from model.job import Job
from model.market import PoolHistory
from model.published import by_place
from model.statistics import Refusal, all_statistics

from .answers import code_version, instant
from .backtesting import Backtesting
from .collecting import Collecting
from .jobfile import refuse_unsold
from .market_questions import MarketQuestions, any_synthetic
from .recommending import Recommending
from .refine import Refine
from .rules import refuse_unknown_denied
from .runs import Runs
from .wire import BackupRequest, CollectRequest, JobSpec, RecommendationRequest, SnapshotRequest, to_job


class Service:
    """What Lowtide knows and decides, for one store.

    Args:
        store: The only open store.
        catalog: SKUs and list prices.
        tariffs: Egress, storage and notice figures, jurisdictions and commitments.
        clock: Tells now, aware UTC.
        url: Where trainers reach the service; None where nothing listens.
        feeds: The live feeds that are configured.
        environ: Where their credentials are looked up by name.
        refine: Estimates the best options once more; its answers are remembered.
    """

    def __init__(
        self,
        store: Store,
        *,
        catalog: Catalog,
        tariffs: Tariffs,
        clock: Callable[[], datetime],
        url: str | None = None,
        feeds: FeedsConfig | None = None,
        environ: Mapping[str, str] | None = None,
        refine: Refine | None = None,
    ) -> None:
        self.store, self.catalog, self.tariffs, self.clock = store, catalog, tariffs, clock
        self.url = url
        self.market = MarketQuestions(self)
        self.runs = Runs(self)
        self.recommending = Recommending(self, refine)
        self.backtesting = Backtesting(self)
        self.collecting = Collecting(
            store, clock=clock, config=feeds or FeedsConfig(), environ={} if environ is None else environ
        )

    def recommend(self, request: RecommendationRequest) -> bytes:
        """Rank pools for a job and keep the answer; returns the stored bytes.

        Raises:
            ImpossibleInput: The job contradicts itself or the market.
            InsufficientHistory: No pool can be ranked.
        """
        return self.recommending.recommend(request)

    def recommendation(self, recommendation_id: str) -> bytes:
        """Return a stored recommendation, byte for byte."""
        return self.recommending.recommendation(recommendation_id)

    def job(self, spec: JobSpec, as_of: datetime) -> Job:
        """Return the job of a spec that starts at `as_of`, after asking whether anyone sells its GPUs.

        A region that it denies must be known, too.
        """
        refuse_unsold(spec, self.sold(as_of))
        job = to_job(spec, as_of)
        if denied := job.constraints.deny_regions:
            known = [pool for pool, _ in self.store.pools(as_of)]
            refuse_unknown_denied(denied, [*known, *(each.pool for each in job.commitments)] if known else [])
        return job

    def sold(self, as_of: datetime) -> set[str]:
        """Return the GPU models that the catalogue or the store knows."""
        listed = {sku.gpu_model for sku in self.catalog.skus.values() if sku.gpu_count}
        return listed | {sku.gpu_model for _, sku in self.store.pools(as_of)}

    def statistics(
        self, job: Job, as_of: datetime, window_hours: float
    ) -> tuple[list[PoolStatistics], list[Refusal]]:
        """Return what is believed of each pool with one of the job's GPUs, and the refusals among them.

        Pools of other GPUs were never asked about; naming them as rejected would drown the rest.
        """
        histories = self.store.pool_histories(as_of=as_of, window=timedelta(hours=window_hours))
        wanted = [history for history in histories if history.sku.gpu_model in job.throughput]
        return self.believed(wanted, as_of, borrow=job.constraints.borrow)

    def believed(
        self, histories: Sequence[PoolHistory], as_of: datetime, *, borrow: str
    ) -> tuple[list[PoolStatistics], list[Refusal]]:
        """Return what histories and the signals published by `as_of` let us believe of each pool."""
        signals = by_place(self.store.interruption_signals(as_of))
        return all_statistics(histories, borrow=borrow, signals=signals, assumed=self.tariffs.assumed)

    def age_s(self, as_of: datetime) -> float | None:
        """Return how old the newest fact is at an instant; None where there is none."""
        newest = self.store.newest_observed_at(as_of)
        return (as_of - newest).total_seconds() if newest else None

    def envelope(self, as_of: datetime, histories: Sequence[PoolHistory] = ()) -> dict[str, Any]:
        """Return what every answer says of itself: as_of, age_s, sources, synthetic."""
        sources = {source for history in histories for source in history.sources}
        return {
            "as_of": instant(as_of),
            "age_s": self.age_s(as_of),
            "sources": sorted(sources),
            "synthetic": any(history.synthetic for history in histories),
        }

    def status(self) -> dict[str, Any]:
        """Return version, span of the data, rows, and whether any of it is synthetic."""
        now = self.clock()
        sources = [asdict(source) for source in self.store.quality(now)]
        span = self.store.span()
        return {
            **self.envelope(now),
            "sources": sorted(source["source_id"] for source in sources),
            "synthetic": any_synthetic(sources),
            "version": code_version(),
            "store": str(self.store.place or ":memory:"),
            "rows": sum(source["rows"] for source in sources),
            "span": {"first": span[0], "last": span[1]} if span else None,
        }

    def collect(self, request: CollectRequest) -> list[dict[str, Any]]:
        """Read a source into the store once; reading it again adds nothing.

        Raises:
            ImpossibleInput: The request cannot be; see `Collecting.collect`.
        """
        return self.collecting.collect(request)

    def collect_status(self) -> dict[str, Any]:
        """Return how every live source stands, and what is collected by the clock."""
        return {**self.envelope(self.clock()), **self.collecting.status()}

    def collect_progress(self) -> dict[str, Any]:
        """Return what is being read at this moment."""
        return self.collecting.progress()

    def snapshot(self, request: SnapshotRequest) -> dict[str, Any]:
        """Write a consistent copy of the store to a new file.

        Raises:
            ImpossibleInput: The file exists already.
        """
        path = Path(request.path)
        self.store.snapshot(path)
        return {**self.envelope(self.clock()), "path": str(path), "bytes": path.stat().st_size}

    def backup(self, request: BackupRequest) -> dict[str, Any]:
        """Write a backup of the store to a new file.

        Raises:
            ImpossibleInput: The file exists already.
        """
        path = Path(request.path)
        made = self.store.backup(path, program=code_version())
        told = {
            "path": str(path), "bytes": path.stat().st_size, "schema_version": made.schema_version,
            "rows": made.rows, "tables": {piece.table: piece.rows for piece in made.pieces},
        }  # fmt: skip
        return {**self.envelope(made.as_of), **told}

    def verification(self) -> dict[str, Any]:
        """Return which of its own rules the store breaks; none where all is well."""
        return {**self.envelope(self.clock()), "problems": self.store.verify()}
