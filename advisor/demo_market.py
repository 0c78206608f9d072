"""The demo's market: what is collected, which recorded pools the job could run in, and from when.

Everything is asked of the service over HTTP. The records of what happened later are read for
the replay and for choosing the window, as of the end of history; the advisor is asked as of the
start and sees nothing after it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from model.errors import InsufficientHistory

from .client import Client
from .replay import PoolRecord, sightings
from .windows import Rehearsal, Toll, Window, candidates, choose, rehearse

FOLDERS = ("spot-traces", "gcp-pricing-weekly")  # Read where a data folder holds them; else all of it.
HITS_WANTED = 8  # Five are to be shown, and a rehearsal is not the run.
CHEAPEST = 10  # Pools whose records say where history is long enough.
RANKINGS = 12  # Along history, to rehearse with.
DRAWS = 200  # Of a ranking that is only rehearsed.
YEARS = timedelta(days=3650)  # All of history.


def collect(client: Client, data: Path | None, seed: int) -> list[dict[str, Any]]:
    """Fill the service's store: the embedded market of a seed, or recorded history.

    Returns:
        Reports of what was read.
    """
    if data is None:
        return client.collect("sample", seed=seed)
    chosen = [data / name for name in FOLDERS if (data / name).is_dir()] or [data]
    return [report for path in chosen for report in client.collect("recorded", path=str(path.resolve()))]


@dataclass
class Records:
    """What the recorders saw of pools, read from the service once each.

    Args:
        client: The service.
        last: The end of history.
    """

    client: Client
    last: datetime
    _read: dict[str, PoolRecord] = field(default_factory=dict)

    def of(self, pool_id: str) -> PoolRecord:
        """Return what the probes of a pool saw, all of it."""
        if pool_id not in self._read:
            told = self.client.probes(pool_id, from_at=self.last - YEARS, until_at=self.last, as_of=self.last)
            self._read[pool_id] = PoolRecord(sightings(told["probes"]))
        return self._read[pool_id]

    def of_gpu(self, gpu_models: set[str]) -> list[PoolRecord]:
        """Return the records of the cheapest spot pools with these GPUs that were ever recorded."""
        told = self.client.pools(as_of=self.last, window_hours=YEARS / timedelta(hours=1))["pools"]
        recorded = [
            pool
            for pool in told
            if pool["capacity_type"] == "spot"
            and pool["gpu_model"] in gpu_models
            and pool["price"]
            and pool["availability"]["share"] is not None
        ]
        recorded.sort(key=lambda pool: float(pool["price"]["usd_per_hour"]) / pool["gpu_count"])
        return [self.of(pool["pool_id"]) for pool in recorded[:CHEAPEST]]


def choose_window(
    client: Client, spec: Mapping[str, Any], records: Records, *,
    useful: timedelta, restart: timedelta, longest: timedelta, seed: int,
    told: Callable[[int, int], None],
) -> Window:  # fmt: skip
    """Choose the start of the replay: rank the job along history and rehearse every start.

    A start is rehearsed with the newest of `RANKINGS` rankings before it, spread over history.

    Args:
        client: The service.
        spec: The job, with the overheads it will have.
        records: What the pools' probes saw.
        useful: Work of the job, market time.
        restart: Machine to first new step, market time.
        longest: A rehearsal that takes longer is no window.
        seed: Of the draw.
        told: Called with (rankings made, rankings in all).

    Raises:
        InsufficientHistory: The record is too short to replay the job.
    """
    starts = candidates(records.of_gpu(set(spec["job"]["throughput"])), longest)
    every = max(1, -(-len(starts) // RANKINGS))
    ranked_at = starts[::every]
    rankings = []
    for start in ranked_at:
        found = client.recommend(dict(spec), as_of=start, seed=seed, draws=DRAWS, simulate=False)
        rankings.append(found["options"])
        told(len(rankings), len(ranked_at))

    def rehearsed(start: datetime) -> Rehearsal:
        ranked = rankings[bisect_right(ranked_at, start) - 1]
        interval = timedelta(seconds=ranked[0]["interval_s"])
        toll = Toll(useful=useful, restart=restart, interval=interval)
        return rehearse(start, [option["pool_id"] for option in ranked], records.of, toll)

    window = choose(starts, rehearsed, hits_wanted=HITS_WANTED, longest=longest, seed=seed)
    if window is None:
        raise InsufficientHistory(
            f"No three pools of this job were recorded over {2 * longest / timedelta(hours=1):.0f} h, "
            "which a replay needs.",
            fix="Pass --data with a longer history, or a job whose GPU was recorded.",
        )
    return window
