"""Portfolio and placement: the answer knows no order of pools, egress never helps, residency always holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.allocation import allocate
from model.allocation_terms import Place, Wish
from model.errors import ImpossibleInput
from model.estimate import PoolStatistics
from model.failover import best_orders
from model.failover_chain import Candidate, Terms, all_down, score
from model.floor import SpotProgress, floor_steps
from model.job import DataUse, Job, Overheads
from model.market import CapacityType, Evidence, Pool, PriceKind, Sku
from model.scenarios import Scenarios, tail_mean
from model.siting import DataWay, NoSiting, best_siting
from model.siting import Place as SitedPlace
from model.siting_cost import pricer

pytestmark = pytest.mark.filterwarnings("error")


@st.composite
def a_candidate(draw, number):
    return Candidate(
        name=f"pool-{number}",
        region=draw(st.sampled_from(["east", "west", "north"])),
        family=draw(st.sampled_from(["V100", "H100"])),
        usd_per_useful_hour=draw(st.floats(0.1, 50)),
        hours_per_useful_hour=draw(st.floats(1.0, 3.0)),
        losses_per_useful_hour=draw(st.floats(0.0, 3.0)),
        available_share=draw(st.floats(0.0, 1.0)),
        gap_hours=draw(st.floats(0.0, 30.0)),
        bring_usd=draw(st.floats(0.0, 100.0)),
    )


@st.composite
def candidates(draw, least=1, most=5):
    return [draw(a_candidate(number)) for number in range(draw(st.integers(least, most)))]


def paying(usd):
    return Terms(
        work_hours=24.0, value_usd_per_hour=1.0, move=lambda a, b: (usd * (a.region != b.region), 0.0)
    )


@settings(max_examples=40, deadline=None)
@given(pools=candidates(), data=st.data())
def test_the_order_of_the_candidates_changes_nothing(pools, data):
    turned = data.draw(st.permutations(pools))
    assert best_orders(pools, paying(5.0)) == best_orders(turned, paying(5.0))


@settings(max_examples=60, deadline=None)
@given(pools=candidates(), usd=st.floats(0, 100))
def test_dearer_moves_never_make_an_order_cheaper(pools, usd):
    assert score(pools, paying(usd + 1)).cost_usd >= score(pools, paying(usd)).cost_usd * (1 - 1e-9)


@settings(max_examples=60, deadline=None)
@given(pools=candidates())
def test_all_work_is_done_somewhere_and_no_amount_is_negative(pools):
    found = score(pools, paying(1.0))
    assert sum(found.work_shares) == pytest.approx(1.0)
    assert min(found.work_shares) >= 0
    assert found.moves <= found.losses * (1 + 1e-9) + 1e-9
    assert found.waiting_hours >= 0
    assert np.isfinite([found.cost_usd, found.wall_hours]).all()


@settings(max_examples=100, deadline=None)
@given(pools=candidates(least=2), ties=st.floats(0, 1))
def test_a_further_pool_never_makes_it_likelier_that_all_are_down(pools, ties):
    assert all_down(pools, ties) <= all_down(pools[:-1], ties) + 1e-12


@settings(max_examples=60, deadline=None)
@given(
    work=st.floats(1, 2000), nodes=st.integers(1, 20), hours=st.floats(1, 200),
    mean=st.floats(0.05, 0.95), spread=st.floats(0, 1),
)  # fmt: skip
def test_a_higher_floor_never_meets_the_deadline_less_often(work, nodes, hours, mean, spread):
    law = SpotProgress(mean=mean, sd=spread * 0.9 * (mean * (1 - mean)) ** 0.5)
    steps = floor_steps(work, nodes, hours, law, spot_usd_per_hour=1.0, on_demand_usd_per_hour=3.0)
    chances = [step.p_deadline for step in steps]
    assert all(0 <= chance <= 1 for chance in chances)
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(chances))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_the_order_of_pools_and_scenarios_changes_no_allocation(seed, data):
    rng = np.random.default_rng(seed)
    useful = rng.uniform(5, 10, (50, 4))
    scenarios = Scenarios.of(useful * rng.uniform(1, 3, 4), useful)
    sites = [
        Place(name=f"p{j}", region=f"r{j % 2}", quota=4, bring_usd=float(rng.uniform(0, 20)))
        for j in range(4)
    ]
    turn = data.draw(st.permutations(range(4)))
    other = scenarios.chosen(turn)
    wish = Wish(work=60.0)
    assert allocate(scenarios, sites, wish).nodes == allocate(other, [sites[j] for j in turn], wish).nodes


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), quota=st.integers(0, 6), share=st.floats(0.4, 1.0))
def test_quotas_work_and_region_shares_hold_or_it_is_refused(seed, quota, share):
    rng = np.random.default_rng(seed)
    useful = rng.uniform(5, 10, (60, 4))
    scenarios = Scenarios.of(useful * rng.uniform(1, 3, 4), useful)
    sites = [Place(name=f"p{j}", region=f"r{j % 3}", quota=quota) for j in range(4)]
    wish = Wish(work=80.0, region_share=share)
    try:
        found = allocate(scenarios, sites, wish)
    except ImpossibleInput:
        return
    total = sum(found.nodes.values())
    assert max(found.nodes.values()) <= quota
    for region in ("r0", "r1", "r2"):
        inside = sum(found.nodes.get(site.name, 0) for site in sites if site.region == region)
        assert inside <= share * total + 1e-6
    assert found.on_all.met_share >= 0.95 - 1e-9


@settings(max_examples=50, deadline=None)
@given(loss=st.lists(st.floats(-100, 100), min_size=1, max_size=30), alpha=st.floats(0, 0.99))
def test_a_tail_lies_between_the_mean_and_the_worst(loss, alpha):
    weight = np.full(len(loss), 1 / len(loss))
    found = tail_mean(np.array(loss), weight, alpha)
    assert np.mean(loss) - 1e-6 <= found <= max(loss) + 1e-6


# Siting.

PLACES = [
    SitedPlace(provider=provider, region=region, law=law)
    for provider, region, law in (
        ("aws", "us-1", None), ("aws", "eu-1", "EU"), ("gcp", "eu-2", "EU"), ("apart", "auto", None),
    )
]  # fmt: skip


class FlatRates:
    def __init__(self, usd):
        self.usd = usd

    def egress_usd_per_gb(self, start, end, moved_bytes):
        return self.usd

    def storage_usd_per_gb_month(self, place):
        return 0.02

    def bytes_per_s(self, start, end):
        return 1e9


@st.composite
def a_job_and_pool(draw):
    job = Job(
        name="any", gpus=1, useful_hours=draw(st.floats(1, 100)), state_bytes=draw(st.integers(0, 10**12)),
        throughput={"G": 1.0}, dataset_bytes=draw(st.integers(0, 10**13)),
        overheads=Overheads(pause_s=10.0, save_lag_s=5.0, boot_s=60.0, restore_s=30.0, warmup_s=10.0),
        data_use=DataUse(
            epochs=draw(st.none() | st.floats(0.1, 20)), read_share=draw(st.floats(0.01, 1)),
            allowed=tuple(draw(st.lists(st.sampled_from(["EU", "us-*", "gcp/*"]), max_size=2))),
            checkpoints_allowed=tuple(draw(st.lists(st.sampled_from(["EU", "auto", "us-*"]), max_size=2))),
            moves=draw(st.floats(0, 5)),
        ),
    )  # fmt: skip
    hazard = draw(st.floats(0, 1))
    seen = PoolStatistics(
        pool=Pool(provider="aws", region="us-1", zone=None, sku="s", capacity_type=CapacityType.SPOT),
        sku=Sku(provider="aws", name="s", gpu_model="G", gpu_count=1),
        as_of=datetime(2026, 1, 1, tzinfo=UTC), price_usd_per_hour=draw(st.floats(0.1, 50)),
        price_kind=PriceKind.RECORDED, price_age_s=0.0, price_mean_usd_per_hour=1.0, price_log_sd=0.0,
        price_changes=0, on_demand_usd_per_hour=None, evidence=Evidence.TENURES, borrowed_from=None,
        preemptions=10, exposure_hours=100.0, hazard_shape=hazard * 100, hazard_rate_hours=100.0,
        available_share=0.9, available_now=None, gap_hours=1.0, observed_until=None, sources=(),
        synthetic=False,
    )  # fmt: skip
    return job, seen


def sited(job, seen, here, copies, away, usd=0.05):
    price = pricer(job, seen, FlatRates(usd), here=here, away=away, retained=3)
    return best_siting(job, seen, price, here=here, copies=copies, neutral=[PLACES[3]], away=away)


@settings(max_examples=80, deadline=None)
@given(pair=a_job_and_pool(), here=st.sampled_from(PLACES[:3]), data=st.data())
def test_no_siting_that_was_priced_breaks_residency_and_the_order_of_places_changes_nothing(pair, here, data):
    job, seen = pair
    copies = data.draw(st.lists(st.sampled_from(PLACES[:3]), max_size=3, unique=True))
    try:
        found = sited(job, seen, here, copies, PLACES[:3])
    except NoSiting:
        return
    rules = job.data_use
    for each in found.priced:
        siting = each.siting
        assert siting.data is DataWay.NONE or here.within(rules.allowed)
        for place in (siting.checkpoint_place, siting.replica_place):
            assert place is None or place.within(rules.checkpoints_allowed or rules.allowed)
        assert found.chosen.total_usd <= each.total_usd
    turned = sited(job, seen, here, copies[::-1], PLACES[2::-1])
    assert turned.chosen.total_usd == pytest.approx(found.chosen.total_usd)


@settings(max_examples=60, deadline=None)
@given(pair=a_job_and_pool(), usd=st.floats(0, 1), more=st.floats(0, 1))
def test_dearer_egress_never_makes_the_best_siting_cheaper(pair, usd, more):
    job, seen = pair
    free = replace(job, data_use=replace(job.data_use, allowed=(), checkpoints_allowed=()))
    cheap, dear = (sited(free, seen, PLACES[0], [PLACES[1]], PLACES[:3], rate) for rate in (usd, usd + more))
    assert dear.chosen.total_usd >= cheap.chosen.total_usd * (1 - 1e-9)


@settings(max_examples=30, deadline=None)
@given(pools=candidates(least=2, most=4))
def test_the_names_of_pools_alone_decide_nothing(pools):
    renamed = [replace(each, name=f"z{each.name}") for each in pools]
    plain, other = best_orders(pools, paying(2.0))[0], best_orders(renamed, paying(2.0))[0]
    assert tuple(f"z{name}" for name in plain.names) == other.names
