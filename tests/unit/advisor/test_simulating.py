"""The second look: which options are simulated, on what, and which keep the closed form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from advisor.refine import refined
from advisor.simulating import Simulating
from advisor.watched import place_of, watched_pools
from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store
from model.cost import SideCosts, estimate
from model.errors import LowtideError
from model.estimate import Estimate, PoolStatistics
from model.job import Job
from model.market import Evidence

from .conftest import NOW

EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"
WEST = "aws/us-west-2/name:us-west-2a/p3.2xlarge/spot"
HELD = "gcp/us-central1/us-central1-a/a2-highgpu-1g/spot"  # Instances ran there; nobody probed.
FIRST = NOW - timedelta(days=15)
HALF_HOUR = timedelta(minutes=30)
NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)


class Given:
    """A source of one batch."""

    kind, licence, note, origin = "recorded", "none", "made up for a test", "memory"

    def __init__(self, source_id: str, **tables: pd.DataFrame) -> None:
        self.source_id, self._tables = source_id, tables

    def batches(self) -> Iterator[Batch]:
        """The batch."""
        yield Batch(**self._tables)


def probes(pool: str, from_at: datetime, until_at: datetime, *, seed: int, late: timedelta = HALF_HOUR * 0):
    """Every half hour; what is there or away turns once in eight looks on average."""
    looks = int((until_at - from_at) / HALF_HOUR)
    turned = np.random.default_rng(seed).uniform(size=looks) < 1 / 8
    at = pd.Series(pd.to_datetime([from_at + n * HALF_HOUR for n in range(looks)], utc=True))
    there = (np.cumsum(turned) % 2 == 0).astype(int)
    return pd.DataFrame(
        {
            "pool_id": pool, "effective_at": at, "observed_at": at + late, "wanted": 1, "obtainable": there,
            "holds_s": HALF_HOUR.total_seconds(),
        }
    )  # fmt: skip


def price(pool: str) -> pd.DataFrame:
    at = pd.to_datetime([FIRST], utc=True)
    return pd.DataFrame(
        {
            "pool_id": pool, "effective_at": at, "observed_at": at, "price_usd_per_hour": "0.92",
            "kind": "recorded",
        }
    )  # fmt: skip


def instances(count: int, mean_hours: float = 20.0) -> pd.DataFrame:
    """Lives of about twenty hours, two instances at a time over five weeks; each was taken back."""
    hours = np.random.default_rng(5).exponential(mean_hours, count)
    begins = np.linspace(0.0, 24.0 * 30, count)
    began = [NOW - timedelta(days=35) + timedelta(hours=h) for h in begins]
    ended = [min(at + timedelta(hours=h), NOW) for at, h in zip(began, hours, strict=True)]
    at = pd.Series(pd.to_datetime(ended, utc=True))
    return pd.DataFrame(
        {
            "pool_id": HELD, "instance_ref": [f"i-{n}" for n in range(count)],
            "began_at": pd.to_datetime(began, utc=True), "ended_at": at,
            "end_cause": "preempted", "began_before": False, "observed_at": at,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """East is probed until now; west has a price alone; instances ran in a pool of another cloud."""
    with Store.open(None, clock=lambda: NOW + timedelta(days=2)) as opened:
        ingest(opened, Given("probes", probes=probes(EAST, FIRST, NOW, seed=1)))
        ingest(opened, Given("prices", prices=price(WEST)))
        ingest(opened, Given("machines", tenures=instances(60)))
        yield opened


@pytest.fixture(scope="module")
def looked(store: Store) -> Simulating:
    return Simulating(store, most_paths=1000)


@pytest.fixture
def held(spot: Callable[..., PoolStatistics]) -> PoolStatistics:
    """The pool in which instances ran: 60 preemptions in 1,200 h."""
    made = spot(hazard=0.05)
    pool = replace(made.pool, provider="gcp", region="us-central1", zone="us-central1-a", sku="a2-highgpu-1g")
    sku = replace(made.sku, provider="gcp", name="a2-highgpu-1g", gpu_model="A100-40GB")
    return replace(
        made, pool=pool, sku=sku, evidence=Evidence.TENURES, preemptions=60, exposure_hours=1200.0,
        hazard_shape=60.0, hazard_rate_hours=1200.0, available_now=None, available_share=None,
    )  # fmt: skip


def of(looked: Simulating, job: Job, seen: PoolStatistics, seed: int = 1) -> Estimate | None:
    return looked(job, seen, NOTHING, seed)


def told(looked: Simulating, job: Job, seen: PoolStatistics) -> Estimate:
    found = of(looked, job, seen)
    assert found is not None
    return found


def test_a_probed_pool_is_simulated_and_says_on_what(looked, job, spot):
    found = told(looked, job, spot())
    assert (found.method, found.statistics) == ("simulated", spot())
    assert "15.0 days of its own and 0 siblings were watched" in found.market
    assert 0 < found.paths_error < 1
    assert found.finish_hours.p10 <= found.finish_hours.p50 <= found.finish_hours.p90
    assert found.parts.total() == pytest.approx(found.effective_usd_per_gpu_hour.mean, abs=1e-9)
    assert found.drawn is None


def test_a_pool_nobody_watched_is_simulated_as_its_watched_sibling(looked, job, spot):
    found = told(looked, job, spot("us-west-2", evidence=Evidence.BORROWED, available_now=None))
    assert "0.0 days of its own and 1 siblings were watched" in found.market


def test_where_neither_a_pool_nor_a_sibling_was_seen_the_closed_form_stands(looked, job, spot):
    seen = spot(evidence=Evidence.BORROWED)
    alone = replace(seen, sku=replace(seen.sku, gpu_model="L4-24GB"))
    assert of(looked, job, alone) is None
    assert of(looked, job, spot(evidence=Evidence.PUBLISHED)) is None
    with Store.open(None, clock=lambda: NOW) as empty:
        assert of(Simulating(empty), job, seen) is None


def test_on_demand_is_never_simulated(looked, job, on_demand):
    assert of(looked, job, on_demand()) is None
    assert of(looked, job, replace(on_demand(), evidence=Evidence.PROBES)) is None


def test_the_same_question_has_the_same_answer(store, looked, job, spot):
    once = told(looked, job, spot())
    assert told(looked, job, spot()) == once
    assert told(Simulating(store, most_paths=1000), job, spot()) == once
    assert of(looked, job, spot(), seed=2) != once


def test_nothing_observed_after_as_of_changes_the_answer(job, spot, held):
    def answers(*later: Given) -> list[Any]:
        with Store.open(None, clock=lambda: NOW + timedelta(days=20)) as opened:
            ingest(opened, Given("probes", probes=probes(EAST, FIRST, NOW, seed=1)))
            ingest(opened, Given("machines", tenures=instances(60)))
            for source in later:
                ingest(opened, source)
            looked = Simulating(opened, most_paths=500)
            held_job = replace(job, throughput={"A100-40GB": 1.0})
            return [of(looked, job, spot()), of(looked, held_job, held)]

    # Probes to come, words of the past that came later, an instance that ended in the future.
    ahead = Given("ahead", probes=probes(EAST, NOW + HALF_HOUR, NOW + timedelta(days=5), seed=3))
    belated = Given("belated", probes=probes(EAST, FIRST, NOW, seed=4, late=timedelta(days=16)))
    machines = instances(20).assign(
        instance_ref=[f"later-{n}" for n in range(20)],
        observed_at=lambda rows: rows["observed_at"] + pd.Timedelta(days=40),
    )
    machines = machines[machines["observed_at"] < NOW + timedelta(days=19)]
    assert len(machines) > 5
    assert answers(ahead, belated, Given("more-machines", tenures=machines)) == answers()


def test_a_pool_last_probed_six_hours_ago_is_not_watched(store, looked, job, spot):
    # The last probe is of 23:30: five hours and a half before 5:00, six and a half before 6:00.
    east = store.probed(NOW)
    for hours, watched in ((5, 1), (6, 0)):
        at = NOW + timedelta(hours=hours)
        assert len(watched_pools(store, east, as_of=at, window=timedelta(days=30))) == watched
        assert (of(looked, job, spot(as_of=at)) is not None) == bool(watched)


def test_a_watched_pool_is_what_was_probed_in_the_window(store, spot):
    [east] = watched_pools(store, store.probed(NOW), as_of=NOW, window=timedelta(days=5))
    assert east.place == place_of(spot().pool, "V100-16GB")
    assert (east.ticks, east.tick_hours) == (5 * 48, 0.5)


def test_where_instances_ran_lives_are_theirs(looked, job, held):
    found = told(looked, replace(job, throughput={"A100-40GB": 1.0}), held)
    assert "60 instances that ran in 1 pools of its kind" in found.market
    assert "gaps exponential, 1 h on average" in found.market
    assert found.parts.total() == pytest.approx(found.effective_usd_per_gpu_hour.mean, abs=1e-9)


def test_a_sibling_of_pools_in_which_instances_ran_is_simulated_on_their_lives(looked, job, held):
    # It was never seen by anybody, so it is not among the places: the closed form stands.
    unseen = replace(held, pool=replace(held.pool, zone="us-central1-z"), evidence=Evidence.BORROWED)
    assert of(looked, replace(job, throughput={"A100-40GB": 1.0}), unseen) is None
    lent = replace(held, evidence=Evidence.BORROWED)
    assert "instances that ran" in told(looked, replace(job, throughput={"A100-40GB": 1.0}), lent).market


def test_too_few_instances_leave_the_closed_form(job, held):
    with Store.open(None, clock=lambda: NOW) as opened:
        ingest(opened, Given("machines", tenures=instances(9)))
        looked = Simulating(opened, most_paths=500)
        assert of(looked, replace(job, throughput={"A100-40GB": 1.0}), held) is None


def test_what_the_model_refuses_leaves_the_closed_form(looked, job, spot):
    # Twenty hours to restart, where capacity is there for four hours at a time: it would never end.
    endless = replace(job, overheads=replace(job.overheads, boot_s=72_000.0))
    seen = spot(hazard=0.002)
    with pytest.raises(LowtideError):
        of(looked, endless, seen)
    closed = estimate(endless, seen, NOTHING, draws=200, seed=1, from_at=NOW)
    assert refined(looked, endless, closed, NOTHING, 1) is closed


def test_what_was_learned_of_an_instant_is_learned_once(store, job, spot, monkeypatch):
    asked: list[datetime] = []
    probed = store.probed

    def counted(as_of: datetime):
        asked.append(as_of)
        return probed(as_of)

    monkeypatch.setattr(store, "probed", counted)
    looked = Simulating(store, most_paths=200)
    for seen in (spot(), spot("us-west-2", evidence=Evidence.BORROWED), spot(as_of=NOW + HALF_HOUR)):
        told(looked, job, seen)
    assert asked == [NOW, NOW + HALF_HOUR]
