"""How long a live run waits for its answers: directive and next-pool, in CPU time of the whole service.

The embedded market's history of a seed is collected into a store in memory, and runs of a job under a
deadline are opened on it a while before its end. Directives are then asked for every ten minutes of
market time, as trainers ask, and next-pool now and then, as launchers do; what is brought up to date
after an answer is measured apart.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from harness import Bench, start

from advisor.service import Service
from advisor.serving import open_service
from advisor.wire import CollectRequest, JobSpec, RecommendationRequest
from advisor.wire_runs import NextPoolRequest, RunRequest

RUNS, ASKED = 4, 100  # Directives of each run; every tenth is followed by a next-pool.
EVERY = timedelta(minutes=10)
NEXT_EVERY = 10
SPEC: dict[str, Any] = {
    "job": {
        "name": "bench", "gpus": 16, "useful_hours": 24.0, "state_bytes": 180_000_000_000,
        "throughput": {"H100-80GB": 1.0, "A100-80GB": 0.45}, "deadline_hours": 60.0,
    },
    "overheads": {
        "pause_s": 20.0, "save_lag_s": 100.0, "boot_s": 300.0, "restore_s": 150.0, "warmup_s": 90.0,
    },
}  # fmt: skip


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = datetime.max.replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


def main() -> None:
    bench = start("run_answers", __doc__)
    clock = Clock()
    runs, asked = (2, 30) if bench.options.quick else (RUNS, ASKED)
    clock.at = datetime.fromisoformat("2100-01-01T00:00:00+00:00")
    with open_service(None, clock=clock) as service:
        service.collect(CollectRequest(source="sample", seed=bench.options.seed))
        span = service.store.span()
        assert span is not None
        clock.at = span[1] - asked * EVERY
        opened = [opened_run(service, bench.options.seed + n) for n in range(runs)]
        taken = asked_of(service, clock, opened, asked)
    told(bench, "directive", taken["directive"], must=50.0, aim=20.0)
    told(bench, "next-pool", taken["next-pool"], must=1000.0, aim=300.0)
    told(bench, "prices brought up to date after a directive", taken["tend"], must=1000.0, aim=300.0)
    bench.finish()


def opened_run(service: Service, seed: int) -> str:
    spec = JobSpec.model_validate_json(json.dumps(SPEC))
    found = service.recommend(RecommendationRequest(spec=spec, seed=seed, draws=1000, simulate=False))
    request = RunRequest.model_validate_json(
        json.dumps(
            {
                "recommendation_id": json.loads(found)["recommendation_id"],
                "stores": {"local_dir": "/tmp/bench"},
            }
        )
    )
    run_id = str(service.runs.open(request)["run_id"])
    service.runs.prepare(run_id)  # As the service does once it has answered.
    return run_id


def asked_of(service: Service, clock: Clock, runs: list[str], asked: int) -> dict[str, list[float]]:
    """Return CPU seconds by kind of question, as runs ask in turn while market time goes on."""
    taken: dict[str, list[float]] = {"directive": [], "next-pool": [], "tend": []}

    def measured(kind: str, ask: Callable[[], Any]) -> Any:
        began = time.process_time()
        answer = ask()
        taken[kind].append(time.process_time() - began)
        return answer

    for turn in range(asked):
        clock.at += EVERY
        for run_id in runs:
            told = measured("directive", lambda run_id=run_id: service.runs.directive(run_id, None, None))
            measured("tend", lambda run_id=run_id: service.runs.tend(run_id))
            if turn % NEXT_EVERY == NEXT_EVERY - 1:
                lost = NextPoolRequest(attempt=told["attempt"])
                measured("next-pool", lambda run_id=run_id, lost=lost: service.runs.next_pool(run_id, lost))
                service.runs.prepare(run_id)
    return taken


def told(bench: Bench, what: str, taken_s: list[float], *, must: float, aim: float) -> None:
    taken_ms = np.array(taken_s) * 1e3
    bench.figure(
        f"{what}, p99", float(np.quantile(taken_ms, 0.99)), unit="CPU ms", better="lower", must=must, aim=aim,
        n=taken_ms.size, p50=round(float(np.median(taken_ms)), 1), most=round(float(taken_ms.max()), 1),
    )  # fmt: skip


if __name__ == "__main__":
    main()
