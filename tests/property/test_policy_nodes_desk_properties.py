"""No course of capacity makes a run late that tells nodes apart, asked as launchers ask: parts and floors.

A launcher tells how many nodes each pool has, gets so many, and asks again when they are lost or, while they
work, every ten minutes. Spot dies when the adversary likes, also while it boots; a floor never dies.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
from desk_market import AGAIN_H, FREE, NOW, Market, pool
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.policy_asked import Asked
from advisor.policy_desk import Desk
from advisor.policy_nodes import nodes_now
from model.job import Job, Overheads
from model.market import CapacityType
from model.spot_action import NOTHING, SPOT

NODES = 4
POOLS = [
    pool("r", "a", 1.0, CapacityType.SPOT), pool("r", "b", 1.1, CapacityType.SPOT),
    pool("r", None, 3.0, CapacityType.ON_DEMAND),
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    work=st.floats(0.5, 6.0),
    slack=st.floats(0.0, 4.0),
    restart=st.floats(0.0, 0.5),
    lag=st.floats(0.0, 0.4),
    floor=st.integers(0, NODES - 1),
    seed=st.integers(0, 10**6),
)
def test_a_run_of_parts_and_floors_ends_in_time(work, slack, restart, lag, floor, seed) -> None:
    rng = np.random.default_rng(seed)
    job = Job(
        name="j", gpus=NODES, useful_hours=work, state_bytes=1, throughput={"V100": 1.0}, elastic=True,
        overheads=Overheads(pause_s=0.0, save_lag_s=0.0, boot_s=restart * 3600, restore_s=0.0, warmup_s=0.0),
        deadline_at=NOW + timedelta(hours=work + restart + slack), floor_nodes=floor,
    )  # fmt: skip
    desk, now_h, done, here, mix = Desk(Market(POOLS)), 0.0, 0.0, POOLS[0].pool, None
    held, owed, alone = False, 0.0, False
    for _ in range(2000):
        if done >= work - 1e-9:
            break
        told = {each.pool.key: int(rng.integers(0, NODES - floor + 1)) for each in POOLS[:2]}
        asked = Asked(
            run_id="r", job=job, left=replace(job, useful_hours=work - done), here=here, holds=held,
            owed_hours=owed, as_of=NOW + timedelta(hours=now_h), stall_share=0.0, lag_hours=lag,
            unavailable=frozenset(), window=timedelta(days=30), capacity={} if held else told,
            mix=mix if held else None, floor_alone=alone and held,
        )  # fmt: skip
        found = desk.decide(asked, lambda seen: FREE)
        one, best = found.chosen, found.chosen.best
        nodes = nodes_now(one.field, best)[0] if asked.by_node else NODES * (best.action != NOTHING)
        if not nodes:
            held, now_h = False, now_h + AGAIN_H
            continue
        target = (found.target or one.field.on_demand).pool
        if not held or target != here or best.mix != mix or (best.action == NOTHING) != alone:
            here, mix, alone, held, owed = target, best.mix, best.action == NOTHING, True, restart
        span = AGAIN_H + owed
        lost = best.action[0] == SPOT and rng.uniform() < 0.3
        span = float(rng.uniform(0.0, span)) if lost else span
        speed = nodes / NODES
        span = min(span, owed + (work - done) / speed)
        paid = min(owed, span)
        now_h, owed, done = now_h + span, owed - paid, done + speed * (span - paid)
        if lost:
            held, done = False, max(done - lag, 0.0)
    assert done >= work - 1e-9
    assert now_h <= work + restart + slack + 1e-6
