"""Allocation: whole nodes over pools, mean against tail, judged on scenarios that had no part in it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from model.allocation import allocate, gang_allocation
from model.allocation_terms import Place, Wish, judged, loss_of
from model.errors import ImpossibleInput, InsufficientHistory
from model.scenarios import Scenarios, reduced, tail_mean, tail_weights

REGIONS = ("east", "east", "west")


def places(quota=8, bring=0.0):
    return [
        Place(name=name, region=region, quota=quota, bring_usd=bring)
        for name, region in zip("abc", REGIONS, strict=True)
    ]


def steady(cost, useful, count=40):
    """The same in every scenario."""
    return Scenarios.of(np.tile(cost, (count, 1)), np.tile(useful, (count, 1)))


def shaky(count=400, seed=1):
    """Pools a and b of one region falter together, c alone; c is dearer."""
    rng = np.random.default_rng(seed)
    east, west = rng.uniform(0.4, 1.0, count), rng.uniform(0.7, 1.0, count)
    useful = np.stack([60 * east, 58 * east * rng.uniform(0.95, 1, count), 60 * west], axis=1)
    cost = useful * [1.0, 1.02, 1.15]
    return Scenarios.of(cost, useful)


# What is certain.


def test_certain_work_goes_to_the_cheapest_pools_in_whole_nodes():
    # By hand: 10 useful node-hours a node; 95 are wanted, so 10 nodes: 8 of the cheapest at 5, 2 at 6.
    found = allocate(steady([5.0, 6.0, 7.0], [10.0, 10.0, 10.0]), places(), Wish(work=95.0))
    assert found.nodes == {"a": 8, "b": 2}
    assert found.on_all.mean_usd == pytest.approx(52.0)
    assert found.on_all.tail_usd == pytest.approx(52.0)
    assert found.optimism == pytest.approx(0.0)


def test_bringing_the_data_is_paid_once_per_region_and_can_keep_a_region_out():
    # By hand: 3 nodes in the east cost 15 and the data 20; in the west 21 and nothing.
    sites = [*places(bring=20.0)[:2], Place(name="c", region="west", quota=8)]
    found = allocate(steady([5.0, 6.0, 7.0], [10.0, 10.0, 10.0]), sites, Wish(work=30.0))
    assert found.nodes == {"c": 3}
    # 9 nodes: in the west 8 x 7 and one in the east 5 + 20, 81; in the east alone 8 x 5 + 6 + 20 = 66.
    found = allocate(steady([5.0, 6.0, 7.0], [10.0, 10.0, 10.0]), sites, Wish(work=90.0))
    assert found.nodes == {"a": 8, "b": 1}
    assert found.on_all.mean_usd == pytest.approx(66.0)


def test_no_region_gets_more_than_its_share():
    found = allocate(steady([5.0, 6.0, 7.0], [10.0, 10.0, 10.0]), places(), Wish(work=80.0, region_share=0.5))
    assert found.nodes == {"a": 4, "c": 4}


# Under risk.


def test_caution_moves_nodes_from_the_shaky_region_to_the_calm_one():
    bold = allocate(shaky(), places(), Wish(work=400.0, caution=0.0, short=0.5))
    careful = allocate(shaky(), places(), Wish(work=400.0, caution=0.0, short=0.02))
    assert careful.nodes.get("c", 0) > bold.nodes.get("c", 0)
    assert careful.on_all.met_share >= 0.98


def test_it_finds_what_trying_every_allocation_finds():
    scenarios, wish = shaky(200), Wish(work=300.0, short=0.1)
    sites = places(quota=6, bring=9.0)
    best = min(
        judged(scenarios, sites, np.array(nodes, float), wish).score_usd
        for nodes in product(range(7), repeat=3)
        if _tail_work(scenarios, nodes, 0.1) >= 300.0
    )
    found = allocate(scenarios, sites, wish)
    assert found.on_all.score_usd <= best * (1 + 3e-3)


def _tail_work(scenarios, nodes, short):
    return -tail_mean(-(scenarios.useful_SJ @ np.array(nodes, float)), scenarios.weight_S, 1 - short)


def test_the_exact_chance_rule_is_cheaper_than_the_safe_one_and_still_holds():
    scenarios = shaky(60)
    safe = allocate(scenarios, places(), Wish(work=400.0, short=0.1))
    exact = allocate(scenarios, places(), Wish(work=400.0, short=0.1), binary=True)
    assert exact.on_all.score_usd <= safe.on_all.score_usd * (1 + 1e-3)
    assert exact.on_all.met_share >= 0.9 - 1e-9


def test_it_is_judged_on_all_and_on_fresh_scenarios_too():
    found = allocate(shaky(4000), places(), Wish(work=400.0), fresh=shaky(4000, seed=2), most_scenarios=200)
    assert (found.in_sample.scenarios, found.on_all.scenarios) == (200, 4000)
    assert found.on_fresh is not None
    assert found.on_all.met_share >= 0.95
    assert found.optimism == pytest.approx(
        found.on_fresh.score_usd / found.in_sample.score_usd - 1.0
    )  # fmt: skip
    assert abs(found.optimism) < 0.02


# Refusals name the number that is missing.


def test_too_small_quotas_are_refused_with_the_nodes_that_are_missing():
    # By hand: 64 nodes of 10 hours are needed for 640; quotas hold 40.
    sites = [Place(name=n, region=r, quota=q) for n, r, q in (("a", "x", 24), ("b", "y", 16))]
    with pytest.raises(ImpossibleInput, match="Quotas allow 40 nodes of about 64 nodes needed"):
        allocate(steady([1.0, 1.0], [10.0, 10.0]), sites, Wish(work=640.0))


def test_a_region_share_that_leaves_too_few_nodes_is_named():
    # By hand: with half in each region, 24 and 16 hold 32, and 40 are needed.
    sites = [Place(name=n, region=r, quota=q) for n, r, q in (("a", "x", 24), ("b", "y", 16))]
    with pytest.raises(ImpossibleInput, match="allow 32 nodes with at most 50% in one region of about 40"):
        allocate(steady([1.0, 1.0], [10.0, 10.0]), sites, Wish(work=400.0, region_share=0.5))


def test_a_gang_is_held_by_one_pool_or_refused():
    sites = [Place(name=n, region=r, quota=q) for n, r, q in (("a", "x", 24), ("b", "y", 64), ("c", "z", 80))]
    scenarios = steady([1.0, 3.0, 2.0], [10.0, 10.0, 10.0])
    assert gang_allocation(scenarios, sites, 64, Wish(work=640.0)).nodes == {"c": 64}
    with pytest.raises(ImpossibleInput, match="100 nodes is never split, and the largest quota is 80"):
        gang_allocation(scenarios, sites, 100, Wish(work=640.0))
    with pytest.raises(ImpossibleInput, match="No pool reaches 900 node-hours with 64 nodes"):
        gang_allocation(scenarios, sites, 64, Wish(work=900.0))


def test_impossible_shapes_and_too_few_scenarios_are_refused():
    with pytest.raises(ImpossibleInput, match="shape"):
        Scenarios.of([[1.0, 2.0]], [[1.0]])
    with pytest.raises(InsufficientHistory, match="3 scenarios have no tail"):
        allocate(steady([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], count=3), places(), Wish(work=1.0))
    with pytest.raises(ImpossibleInput, match="2 pools, some of one name, against 3 columns"):
        allocate(steady([1.0, 1.0, 1.0], [1.0, 1.0, 1.0]), places()[:2], Wish(work=1.0))
    with pytest.raises(ImpossibleInput):
        Wish(work=-1.0)


# Scenarios.


def test_a_tail_counts_the_scenario_on_its_edge_in_part():
    # By hand: of four losses the worst 0.375 are 4 whole (0.25) and half of 3 (0.125): (4 x 2 + 3) / 3.
    weight = np.full(4, 0.25)
    assert tail_mean(np.array([1.0, 4.0, 2.0, 3.0]), weight, 0.625) == pytest.approx(11 / 3)
    assert tail_weights(np.array([1.0, 4.0, 2.0, 3.0]), weight, 0.625) == pytest.approx([0, 2 / 3, 0, 1 / 3])


def test_reduced_scenarios_keep_their_weight_and_do_not_depend_on_their_order():
    scenarios = shaky(1000)
    score = scenarios.cost_SJ.sum(axis=1)
    few = reduced(scenarios, 100, score)
    assert few.count == 100
    assert few.weight_S.sum() == pytest.approx(1.0)
    assert few.cost_SJ.sum(axis=1) @ few.weight_S == pytest.approx(score.mean(), rel=0.01)
    turned = np.random.default_rng(3).permutation(1000)
    other = Scenarios.of(scenarios.cost_SJ[turned], scenarios.useful_SJ[turned])
    again = reduced(other, 100, score[turned])
    assert np.array_equal(few.cost_SJ, again.cost_SJ)


def test_loss_counts_the_data_of_used_regions_alone():
    sites = places(bring=20.0)
    assert loss_of(steady([5.0, 6.0, 7.0], [1.0] * 3, 1), sites, np.array([1.0, 1.0, 0.0])) == pytest.approx(
        31
    )
