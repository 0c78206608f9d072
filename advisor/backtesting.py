"""Backtests of the service: read the record, score every origin, keep the figures, tell the newest.

One at a time. The store is read here and nowhere else; origins are scored by `advisor.fanout`.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from collector.backtests import BacktestRow
from model.backtest import lives_until
from model.backtest_scores import OriginScores
from model.backtest_summary import Figure, Summary, summarised
from model.errors import EnvironmentTrouble
from model.estimate import PoolStatistics
from model.market import Pool

from .answers import code_version, instant, to_json
from .backtest_policies import backtest_policies
from .backtest_read import Reading, prices_of, read, refuse_job, start_at
from .backtest_tasks import Origin, Shared, Start, scored
from .fanout import fan_out, refuse_to_go_on
from .missing import Missing
from .wire_policies import PoliciesRequest
from .wire_quality import BacktestOut, BacktestRequest

if TYPE_CHECKING:
    from .service import Service

NEVER: dict[str, Any] = {
    **dict.fromkeys(BacktestOut.model_fields),
    "why": "No backtest was made yet, so how good the forecasts are is not known here.",
    "fix": "Type: lowtide backtest, or with a job: lowtide backtest --job JOB.toml",
    **dict.fromkeys(("sources", "figures", "calibration", "left_out"), ()),
    "synthetic": False,
}


class BacktestUnderway(EnvironmentTrouble):
    """Another backtest has not ended."""

    slug = "backtest-underway"


class Backtesting:
    """The backtests of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._one = threading.Lock()
        self._progress: dict[str, Any] = {"phase": None, "done": 0, "of": 0}

    def run(self, request: BacktestRequest) -> dict[str, Any]:
        """Make a backtest, keep it, and return it as `newest` does.

        Raises:
            ImpossibleInput: The span or the job cannot be.
            InsufficientHistory: Too few probes, origins or days; the message names how many are missing.
            BacktestUnderway: Another one is being made.
            WorkerLost: Workers died again and again under one origin.
        """
        with self._alone():
            return self._made(request)

    def policies(self, request: PoliciesRequest) -> dict[str, Any]:
        """Replay policies under a deadline on the recorded history; nothing is kept.

        Raises:
            InsufficientHistory: No record is long enough.
            BacktestUnderway: Another one is being made.
        """
        with self._alone():
            return backtest_policies(self._service, request, self._note, self._going)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._one.acquire(blocking=False):
            raise BacktestUnderway(
                "Another backtest is being made.",
                fix="Wait until it is done; GET /v1/backtests/progress tells.",
            )
        try:
            yield
        finally:
            self._note(None, 0, 0)
            self._one.release()

    def progress(self) -> dict[str, Any]:
        """Return what is being done: phase (None: nothing), how many are done, and of how many."""
        return dict(self._progress)

    def newest(self, as_of: datetime, pool_id: str | None = None) -> dict[str, Any]:
        """Return the newest backtest made by an instant; where none was, why and what to type.

        Args:
            as_of: Nothing made later is told.
            pool_id: Tell the figures of this pool; None: those of all pools together.

        Raises:
            Missing: The backtest has no figure of that pool.
        """
        pool = None if pool_id is None else Pool.parse(pool_id)
        row = self._service.store.newest_backtest(as_of)
        if row is None:
            return dict(NEVER)
        figures = self._service.store.backtest_figures(row.backtest_id, pool)
        if pool is not None and not figures:
            raise Missing(
                f"The backtest {row.backtest_id} has no figure of {pool.key!r}.",
                fix="Leave pool away for the figures of all pools, or see GET /v1/pools.",
            )
        return _told(row, figures, self._service.store.backtest_bins(row.backtest_id))

    def _made(self, request: BacktestRequest) -> dict[str, Any]:
        if request.spec is not None:
            refuse_job(self._service, request.spec)
        self._note("reading the record", 0, 1)
        reading = read(self._service, request)
        origins = self._origins(request, reading)
        used = [seen for each in origins if each.start for seen in each.start.allowed]
        shared = self._shared(request, reading, used)
        self._note("scoring origins", 0, len(origins))
        found: list[OriginScores] = fan_out(
            partial(scored, shared), origins, request.workers, request.engine,
            partial(self._note, "scoring origins"), go_on=self._going,
        )  # fmt: skip
        summary = summarised(found, seed=request.seed)
        return self._kept(request, _with_sources(reading, used), summary)

    def _origins(self, request: BacktestRequest, reading: Reading) -> list[Origin]:
        """Return the origins; where a job is started, with what was believed at each."""
        found = []
        ends = lives_until(reading.origin_hours, reading.origin_hours[-1] + request.every_hours)
        for number, (hour, lives_end) in enumerate(zip(reading.origin_hours, ends, strict=True)):
            refuse_to_go_on(self._going, number, len(reading.origin_hours))
            start: Start | None = None
            if request.spec is not None:
                start = start_at(self._service, request.spec, reading, hour, request.window_hours)
                self._note("reading what was believed", number + 1, len(reading.origin_hours))
            until = hour + request.every_hours
            found.append(Origin(hour=hour, until_hour=until, lives_until_hour=lives_end, start=start))
        return found

    def _shared(self, request: BacktestRequest, reading: Reading, used: Sequence[PoolStatistics]) -> Shared:
        pools = {seen.pool.key: seen.pool for seen in used}
        return Shared(
            records=reading.records,
            prices=prices_of(self._service, list(pools.values()), reading),
            clock_zero_at=reading.clock_zero_at,
            seed=request.seed,
            draws=request.draws,
        )

    def _kept(self, request: BacktestRequest, reading: Reading, summary: Summary) -> dict[str, Any]:
        figures = [_figure_row(figure) for figure in summary.figures]
        bins = [
            {"horizon_hours": one.horizon_hours, "forecast": one.forecast, **asdict(each)}
            for one in summary.bins
            for each in one.bins
        ]
        spec = request.spec
        row = BacktestRow(
            backtest_id="", name="market" if spec is None else spec.job.name, from_at=reading.from_at,
            until_at=reading.until_at, every_hours=request.every_hours, window_hours=request.window_hours,
            origins=summary.origins, pools=reading.pools,
            job=None if spec is None else spec.model_dump(mode="json"), seed=request.seed,
            code_version=code_version(), sources=reading.sources, synthetic=reading.synthetic,
            left_out=summary.left_out, made_at=self._service.clock(),
        )  # fmt: skip
        digest = hashlib.sha256(to_json([asdict(row), figures, bins])).hexdigest()[:16]
        row = replace(row, backtest_id=f"bt-{'synthetic-' if row.synthetic else ''}{digest}")
        self._service.store.save_backtest(row, figures, bins)
        kept = self._service.store.backtest_figures(row.backtest_id)
        return _told(row, kept, self._service.store.backtest_bins(row.backtest_id))

    def _going(self) -> bool:
        return not self._service.collecting.activity.stopping

    def _note(self, phase: str | None, done: int, of: int) -> None:
        self._progress = {"phase": phase, "done": done, "of": of}


def _with_sources(reading: Reading, used: Sequence[PoolStatistics]) -> Reading:
    """Return the reading with the sources of what a job's estimates rested on."""
    named = {*reading.sources, *(source for seen in used for source in seen.sources)}
    synthetic = reading.synthetic or any(seen.synthetic for seen in used)
    return replace(reading, sources=tuple(sorted(named)), synthetic=synthetic)


def _figure_row(figure: Figure) -> dict[str, Any]:
    row = asdict(figure)
    return {**row, "pool_id": row.pop("pool")}


def _told(
    row: BacktestRow, figures: Sequence[Mapping[str, Any]], bins: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the wire shape of a backtest."""
    return {
        **asdict(row),
        "from_at": instant(row.from_at),
        "until_at": instant(row.until_at),
        "made_at": instant(row.made_at),
        "figures": list(figures),
        "calibration": list(bins),
        "why": None,
        "fix": None,
    }
