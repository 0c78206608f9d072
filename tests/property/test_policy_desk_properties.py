"""No course of capacity makes a run late that on-demand could have ended in time, asked as launchers ask.

A launcher asks where to go, boots, works, and asks again when its machine is lost or, while it works,
every ten minutes. Spot dies when the adversary likes, also while it boots, with all that was not saved.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from desk_market import AGAIN_H, FREE, NOW, Market, pool
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.policy_asked import Asked
from advisor.policy_desk import Desk
from model.job import Job, Overheads
from model.market import CapacityType

POOLS = [
    pool("a", None, 1.0, CapacityType.SPOT), pool("b", None, 1.1, CapacityType.SPOT),
    pool("a", None, 3.0, CapacityType.ON_DEMAND),
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    work=st.floats(0.5, 8.0),
    slack=st.floats(0.0, 4.0),
    restart=st.floats(0.0, 0.6),
    lag=st.floats(0.0, 0.5),
    seed=st.integers(0, 10**6),
)
def test_a_run_that_asks_as_launchers_do_ends_in_time(work, slack, restart, lag, seed) -> None:
    rng = np.random.default_rng(seed)
    job = Job(
        name="j", gpus=1, useful_hours=work, state_bytes=1, throughput={"V100": 1.0},
        overheads=Overheads(pause_s=0.0, save_lag_s=0.0, boot_s=restart * 3600, restore_s=0.0, warmup_s=0.0),
        deadline_at=NOW + timedelta(hours=work + restart + slack),
    )  # fmt: skip
    desk, now_h, done, here = Desk(Market(POOLS)), 0.0, 0.0, POOLS[0].pool
    held, owed = False, 0.0
    for _ in range(2000):
        if done >= work - 1e-9:
            break
        away = frozenset(each.pool.key for each in POOLS[:2] if rng.uniform() < 0.4)
        asked = Asked(
            run_id="r", job=job, left=replace(job, useful_hours=work - done), here=here, holds=held,
            owed_hours=owed, as_of=NOW + timedelta(hours=now_h), stall_share=0.0, lag_hours=lag,
            unavailable=frozenset() if held else away, window=timedelta(days=30),
        )  # fmt: skip
        found = desk.decide(asked, lambda seen: FREE)
        target = found.target
        if target is None:
            held, now_h = False, now_h + AGAIN_H
            continue
        if not held or target.pool != here:
            here, held, owed = target.pool, True, restart
        # A machine that boots is not asked about: it is lost on the way, or comes to work.
        span = AGAIN_H + owed
        lost = here.capacity_type is CapacityType.SPOT and rng.uniform() < 0.3
        span = float(rng.uniform(0.0, span)) if lost else span
        span = min(span, owed + work - done)
        paid = min(owed, span)
        now_h, owed, done = now_h + span, owed - paid, done + span - paid
        if lost:
            held, done = False, max(done - lag, 0.0)
    assert done >= work - 1e-9
    assert now_h <= work + restart + slack + 1e-6


@pytest.mark.parametrize("hours", [0.1, 5.0])
def test_a_run_that_is_already_late_is_sent_on_demand(hours: float) -> None:
    job = Job(
        name="j", gpus=1, useful_hours=6.0, state_bytes=1, throughput={"V100": 1.0},
        overheads=Overheads(pause_s=0.0, save_lag_s=0.0, boot_s=60.0, restore_s=0.0, warmup_s=0.0),
        deadline_at=NOW + timedelta(hours=hours),
    )  # fmt: skip
    asked = Asked(
        run_id="r", job=job, left=job, here=POOLS[0].pool, holds=False, owed_hours=0.0, as_of=NOW,
        stall_share=0.0, lag_hours=0.1, unavailable=frozenset(), window=timedelta(days=30),
    )  # fmt: skip
    found = Desk(Market(POOLS)).decide(asked, lambda seen: FREE)
    assert found.target.pool.capacity_type is CapacityType.ON_DEMAND
