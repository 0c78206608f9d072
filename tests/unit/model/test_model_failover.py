"""Failover orders: hard filters first, lists priced by a Markov chain, floors with their marginal price."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from model.cost import SideCosts
from model.errors import ImpossibleInput, InsufficientHistory
from model.failover import best_orders, candidate_of, checkpoint_move, feasible, pareto, shortlist
from model.failover_chain import Candidate, Terms, all_down, score
from model.floor import SpotProgress, floor_nodes, floor_steps, last_safe_switch_hours
from model.market import Evidence

NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)


def a(name, region="here", *, price=1.0, losses=0.2, share=0.8, gap=2.0, **more):
    plain = {"family": "V100", "hours_per_useful_hour": 1.1} | more
    return Candidate(
        name=name, region=region, usd_per_useful_hour=price, losses_per_useful_hour=losses,
        available_share=share, gap_hours=gap, **plain,
    )  # fmt: skip


# One pool.


def test_one_pool_alone_costs_its_hours_and_waits_out_every_gap():
    # By hand: 24 useful h at 1 USD; 24 x 0.2 = 4.8 losses; waits 4.8 x 2 h, and 0.2 x 2 h before the start.
    found = score([a("one")], Terms(work_hours=24.0, value_usd_per_hour=0.5))
    assert found.cost_usd == pytest.approx(24.0)
    assert found.losses == pytest.approx(4.8)
    assert found.waiting_hours == pytest.approx(4.8 * 2 + 0.4)
    assert found.wall_hours == pytest.approx(24 * 1.1 + 10.0)
    assert found.valued_usd == pytest.approx(24.0 + 0.5 * 10.0)
    assert found.moves == 0


def test_capacity_seen_now_means_no_first_wait_and_seen_gone_a_whole_one():
    terms = Terms(work_hours=24.0)
    assert score([a("one", here_now=True)], terms).waiting_hours == pytest.approx(9.6)
    assert score([a("one", here_now=False)], terms).waiting_hours == pytest.approx(11.6)


# Two pools.


def test_two_regions_are_both_down_as_often_as_chance_has_it_and_two_zones_almost_as_often_as_one():
    near, far = a("b"), a("c", "elsewhere")
    assert all_down([a("a"), far]) == pytest.approx(0.04)  # By hand: 0.2 x 0.2.
    assert all_down([a("a"), near]) == pytest.approx(0.9 * 0.2 + 0.1 * 0.04)
    assert all_down([a("a"), a("d", family="K80")]) == pytest.approx(0.04)  # Families are uncorrelated.


def test_a_run_that_never_loses_its_fallback_ends_there():
    # By hand: lost from the first at 0.2 per useful hour, the second is always there and never lost:
    # useful hours on the first are (1 - e^-0.2*24) / 0.2 = 4.959, one move with chance 1 - e^-4.8 = 0.9918.
    safe = a("safe", "elsewhere", price=3.0, losses=0.0, share=1.0, gap=0.0)
    found = score([a("one", here_now=True), safe], Terms(work_hours=24.0))
    first = (1 - np.exp(-4.8)) / 0.2
    assert found.work_shares[0] * 24 == pytest.approx(first)
    assert found.cost_usd == pytest.approx(first + 3 * (24 - first))
    assert found.moves == pytest.approx(1 - np.exp(-4.8))
    assert found.waiting_hours == 0


def test_egress_is_paid_at_each_move_and_the_data_once_per_pool_that_is_used():
    safe = a("safe", "elsewhere", losses=0.0, share=1.0, gap=0.0, bring_usd=10.0, bring_hours=3.0)

    def move(start, end):
        return (2.0, 0.5) if start.region != end.region else (0.0, 0.0)

    free = score([a("one", here_now=True), safe], Terms(work_hours=24.0))
    paid = score([a("one", here_now=True), safe], Terms(work_hours=24.0, move=move))
    moved = 1 - np.exp(-4.8)
    assert paid.cost_usd - free.cost_usd == pytest.approx(2.0 * moved)
    assert paid.wall_hours - free.wall_hours == pytest.approx(0.5 * moved)
    bare = score(
        [a("one", here_now=True), replace(safe, bring_usd=0.0, bring_hours=0.0)], Terms(work_hours=24.0)
    )
    assert free.cost_usd - bare.cost_usd == pytest.approx(10.0 * moved)


def test_the_closed_form_agrees_with_a_simulation_of_two_regions():
    pools = [
        a("one", losses=0.3, share=0.6, gap=1.5),
        a("two", "far", losses=0.5, share=0.5, gap=1.0, price=0.8),
    ]
    rng, work, runs = np.random.default_rng(5), 40.0, 3000
    cost = waits = 0.0
    for _ in range(runs):
        done, at = 0.0, None
        up = [rng.random() < each.available_share for each in pools]
        while True:
            if any(up):
                at = up.index(True)
            else:
                spans = [rng.exponential(each.gap_hours) for each in pools]
                at = int(np.argmin(spans))
                waits += min(spans)
            life = rng.exponential(1 / pools[at].losses_per_useful_hour)
            cost += min(life, work - done) * pools[at].usd_per_useful_hour
            done += life
            if done >= work:
                break
            up = [k != at and rng.random() < each.available_share for k, each in enumerate(pools)]
    found = score(pools, Terms(work_hours=work))
    assert found.cost_usd == pytest.approx(cost / runs, rel=0.01)
    assert found.waiting_hours == pytest.approx(waits / runs, rel=0.05)


# Choosing.


def test_a_fallback_in_another_region_beats_a_cheaper_zone_next_door():
    pools = [a("a"), a("next-door", price=1.02), a("far", "elsewhere", price=1.05)]
    best = best_orders(pools, Terms(work_hours=24.0, value_usd_per_hour=2.0))
    two = next(order for order in best if len(order.names) == 2)
    assert set(two.names) == {"a", "far"}


def test_dear_egress_keeps_a_run_at_home():
    pools = [a("a"), a("far", "elsewhere")]
    dear = Terms(work_hours=24.0, value_usd_per_hour=1.0, move=lambda s, e: (500.0, 1.0))
    assert best_orders(pools, dear)[0].names in {("a",), ("far",)}
    cheap = Terms(work_hours=24.0, value_usd_per_hour=1.0)
    assert len(best_orders(pools, cheap)[0].names) == 2


def test_an_order_in_time_comes_before_a_cheaper_late_one():
    pools = [
        a("slow", price=0.5, gap=40.0, share=0.3),
        a("sure", "elsewhere", price=3.0, losses=0.0, share=1.0, gap=0.0),
    ]
    loose, tight = (Terms(work_hours=24.0, hours_to_deadline=limit) for limit in (None, 30.0))
    assert best_orders(pools, loose)[0].names == ("slow",)
    assert "sure" in best_orders(pools, tight)[0].names


def test_only_pools_that_go_down_together_can_beat_each_other():
    good, bad = a("good"), a("bad", price=2.0)
    far = a("far", "elsewhere", price=5.0)
    assert [each.name for each in pareto([good, bad, far])] == ["good", "far"]
    assert [each.name for each in pareto([good, bad, far], dominators=2)] == ["good", "bad", "far"]


def test_a_shortlist_takes_the_best_of_each_region_first():
    crowd = [a(f"h{k}", price=1.0 + k / 100) for k in range(9)] + [a("far", "elsewhere", price=9.0)]
    kept = {each.name for each in shortlist(crowd, Terms(work_hours=24.0), most=3)}
    assert kept == {"far", "h0", "h1"}


def test_no_pools_or_two_of_one_name_are_refused():
    for wrong in ([], [a("x"), a("x")]):
        with pytest.raises(ImpossibleInput, match="cannot be put in lists"):
            best_orders(wrong, Terms(work_hours=1.0))
    with pytest.raises(ImpossibleInput):
        a("x", share=1.5)


# Hard filters, and a pool as a candidate.


def test_a_gang_is_never_split_over_quotas_and_residency_comes_first(job, statistics):
    seen = statistics()
    needs_two = job(gpus=16)
    kept, out = feasible(needs_two, [seen], quota={seen.pool.key: 1}, barred={})
    assert kept == []
    assert out[0].reason == "Its quota is 1 of the 2 nodes that the gang needs."
    _, out = feasible(needs_two, [seen], quota={seen.pool.key: 1}, barred={seen.pool.key: "Not in the EU."})
    assert out[0].reason == "Not in the EU."
    kept, out = feasible(needs_two, [seen], quota={}, barred={})
    assert (len(kept), out) == (1, [])


def test_a_candidate_carries_the_closed_form_of_its_pool(job, statistics):
    side = SideCosts(egress_usd=40.0, egress_hours=1.0, storage_usd_per_hour=0.0)
    found = candidate_of(job(), statistics(), side)
    assert found.region == "aws/us-east-1"
    assert (found.available_share, found.gap_hours, found.bring_usd) == (0.9, 1.0, 40.0)
    # One node at 10 USD/h: money per useful hour is 10 times the billed hours of one.
    assert found.usd_per_useful_hour == pytest.approx(10 * found.hours_per_useful_hour)
    # By hand: F4 counts hazard x billed preemptions, at 0.1 per hour.
    unbooted = found.hours_per_useful_hour - (720 / 3600) / 24
    assert found.losses_per_useful_hour == pytest.approx(0.1 * unbooted, rel=2e-2)


def test_on_demand_is_always_there_and_an_unknown_hazard_is_refused(job, statistics, on_demand):
    kept = candidate_of(job(), on_demand, NOTHING)
    assert (kept.losses_per_useful_hour, kept.available_share, kept.here_now) == (0.0, 1.0, True)
    with pytest.raises(InsufficientHistory, match="0 instance-hours"):
        candidate_of(job(), statistics(hazard_rate_hours=0.0, hazard_shape=0.0), NOTHING)
    unseen = candidate_of(job(), statistics(available_share=None, available_now=None), NOTHING)
    assert unseen.available_share == pytest.approx(1 / (1 + 0.1 * 1.0))
    assert statistics().evidence is Evidence.PROBES


def test_a_checkpoint_is_taken_along_between_regions_and_not_between_zones(job):
    class TwoCents:
        def egress_usd_per_gb(self, start, end, moved_bytes):
            assert (start.provider, start.region, end.region) == ("aws", "us-east-1", "eu-west-1")
            return 0.02

        def storage_usd_per_gb_month(self, place):
            return 0.0

        def bytes_per_s(self, start, end):
            return 1e9

    move = checkpoint_move(job(state_bytes=360 * 10**9), TwoCents())
    home, near, far = a("h", "aws/us-east-1"), a("n", "aws/us-east-1"), a("f", "aws/eu-west-1")
    assert move(home, near) == (0.0, 0.0)
    # By hand: 360 GB at 0.02 USD are 7.20 USD; at 1 GB/s 360 s are 0.1 h.
    assert move(home, far) == pytest.approx((7.2, 0.1))


# On-demand floors.


def test_each_further_node_on_demand_has_a_price_and_a_gain():
    # W = 1,000 node-hours on 8 nodes in 150 h; spot progresses 0.6 for certain: 0.6 x 8 x 150 = 720 < 1,000.
    steps = floor_steps(
        1000.0, 8, 150.0, SpotProgress(mean=0.6, sd=0.0), spot_usd_per_hour=1.0, on_demand_usd_per_hour=3.0
    )
    # By hand: m + 0.6 (8 - m) >= 6.667 needs m >= 4.667, so 5 nodes.
    assert [step.p_deadline for step in steps] == [0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert floor_nodes(1000.0, 8, 150.0, SpotProgress(mean=0.6, sd=0.0), 0.9) == 5
    # 5 nodes on on-demand: a pace of 6.8, done in 147.06 h at 5 x 3 + 3 x 1 = 18 USD/h.
    assert steps[5].cost_usd == pytest.approx(1000 / 6.8 * 18)
    assert steps[5].marginal_usd == pytest.approx(steps[5].cost_usd - steps[4].cost_usd)
    assert steps[5].usd_per_point == pytest.approx(steps[5].marginal_usd / 100)
    assert steps[6].usd_per_point is None


def test_a_floor_buys_chance_and_never_loses_any():
    steps = floor_steps(
        900.0, 10, 100.0, SpotProgress(mean=0.8, sd=0.15), spot_usd_per_hour=1.0, on_demand_usd_per_hour=3.0
    )
    chances = [step.p_deadline for step in steps]
    assert chances == sorted(chances)
    assert chances[-1] == 1.0
    # By hand: the beta law of mean 0.8 and sd 0.15 has parameters 4.89 and 1.22; P(X >= 0.9) = 0.31.
    assert chances[0] == pytest.approx(0.31, abs=0.01)


def test_the_certain_progress_is_the_quantile():
    law = SpotProgress(mean=0.8, sd=0.15)
    assert law.chance_of(law.reached_with(0.9)) == pytest.approx(0.9)
    with pytest.raises(ImpossibleInput, match="cannot scatter by"):
        SpotProgress(mean=0.5, sd=0.6)


def test_the_last_safe_switch_leaves_time_for_what_is_left():
    # By hand: 36 h to the deadline, 20 h left at 5 % of saving, 0.2 + 0.05 + 0.1 h: 36 - 21.35 = 14.65.
    found = last_safe_switch_hours(
        36.0, 20.0, save_share=0.05, restart_hours=0.2, save_lag_hours=0.05, poll_hours=0.1
    )
    assert found == pytest.approx(14.65)
    assert last_safe_switch_hours(10.0, 20.0) == pytest.approx(-10.0)
