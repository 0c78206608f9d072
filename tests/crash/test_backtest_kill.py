"""A backtest whose workers are killed under way finds what it finds undisturbed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from datetime import UTC, datetime
from functools import partial

import numpy as np

from advisor.backtest_tasks import Origin, Shared, scored
from advisor.fanout import fan_out
from model.backtest import lives_until
from model.backtest_record import records_of
from model.backtest_summary import summarised
from model.watched import Place

DAYS, PER_DAY = 16, 144


def history(seed: int):
    """Ten-minute ticks of a seeded chain, nobody's market."""
    turns = np.random.default_rng(seed).random(DAYS * PER_DAY) < 0.05
    hour = np.arange(DAYS * PER_DAY) / 6
    place = Place(family="aws/V100", region="r", zone="z", pool=f"p{seed}")
    return records_of(place, hour, hour, (np.cumsum(turns) % 2 == 0).astype(float), np.full(hour.size, 1 / 6))


def kill_three(killed: list[int], done: threading.Event) -> None:
    """Kill the first worker that is there, three times."""
    while len(killed) < 3 and not done.is_set():
        for worker in multiprocessing.active_children():
            if worker.pid and worker.pid not in killed and len(killed) < 3:
                time.sleep(0.3)  # So that it may be in the middle of something.
                os.kill(worker.pid, signal.SIGKILL)
                killed.append(worker.pid)
        time.sleep(0.05)


def test_killed_workers_change_no_figure():
    shared = Shared(
        records=tuple(record for seed in (1, 2) for record in history(seed)), prices={},
        clock_zero_at=datetime(2026, 1, 1, tzinfo=UTC), seed=1, draws=100,
    )  # fmt: skip
    hours = [192.0 + 24.0 * k for k in range(7)]
    ends = lives_until(hours, hours[-1] + 24.0)
    tasks = [
        Origin(hour=hour, until_hour=hour + 24.0, lives_until_hour=end)
        for hour, end in zip(hours, ends, strict=True)
    ]
    undisturbed = summarised(fan_out(partial(scored, shared), tasks, engine="here"), seed=1)
    killed: list[int] = []
    done = threading.Event()
    killer = threading.Thread(target=kill_three, args=(killed, done))
    killer.start()
    try:
        found = fan_out(partial(scored, shared), tasks, 2, retries=3)
    finally:
        done.set()
        killer.join()
    assert killed
    assert summarised(found, seed=1) == undisturbed
