"""No course of capacity makes a run late that tells nodes apart, asked as launchers ask: parts and floors.

A launcher tells how many nodes each pool has, gets so many, and asks again when they are lost or, while they
work, every ten minutes. Spot dies when the adversary likes, also while it boots; a floor never dies.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.policy_asked import ASKED_AGAIN_S, Asked
from advisor.policy_desk import Desk
from advisor.policy_nodes import nodes_now
from model.cost import SideCosts
from model.estimate import PoolStatistics
from model.job import Job, Overheads
from model.market import CapacityType, Evidence, Pool, PriceKind, Sku
from model.spot_action import NOTHING, SPOT

NOW = datetime(2023, 3, 1, tzinfo=UTC)
AGAIN_H = ASKED_AGAIN_S / 3600.0
FREE = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)
NODES = 4


def pool(zone: str | None, price: float, kind: CapacityType) -> PoolStatistics:
    return PoolStatistics(
        pool=Pool(provider="aws", region="r", zone=zone, sku="p3.2xlarge", capacity_type=kind),
        sku=Sku(provider="aws", name="p3.2xlarge", gpu_model="V100", gpu_count=1),
        as_of=NOW, price_usd_per_hour=price, price_kind=PriceKind.RECORDED, price_age_s=0.0,
        price_mean_usd_per_hour=price, price_log_sd=0.0, price_changes=0, on_demand_usd_per_hour=3.0,
        evidence=Evidence.PROBES, borrowed_from=None, preemptions=1, exposure_hours=10.0, hazard_shape=1.0,
        hazard_rate_hours=10.0, available_share=0.5, available_now=True, gap_hours=1.0, observed_until=NOW,
        sources=(), synthetic=False,
    )  # fmt: skip


POOLS = [
    pool("a", 1.0, CapacityType.SPOT), pool("b", 1.1, CapacityType.SPOT),
    pool(None, 3.0, CapacityType.ON_DEMAND),
]  # fmt: skip


class Market:
    """Two spot pools and on-demand, probed by nobody."""

    def __init__(self) -> None:
        self.store = self

    def sightings_of(self, pool_keys: list[str], **when: datetime) -> dict[str, object]:
        return {}

    def statistics(self, job: Job, as_of: datetime, window_hours: float):
        return POOLS, []


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
    desk, now_h, done, here, mix = Desk(Market()), 0.0, 0.0, POOLS[0].pool, None
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
