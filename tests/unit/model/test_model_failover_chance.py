"""Which list a run follows from its first pool, how likely it is in time, and what each pool is worth."""

from __future__ import annotations

import numpy as np
import pytest

from model.failover import best_orders
from model.failover_chain import Candidate, FailoverOrder, Terms
from model.failover_chance import chance_in_time, chosen


def order(waiting=2.0, wall=12.0):
    return FailoverOrder(
        names=("a",), cost_usd=10.0, valued_usd=10.0, wall_hours=wall, waiting_hours=waiting,
        losses=4.0, moves=0.0, work_shares=(1.0,),
    )  # fmt: skip


def pool(name, usd, *, region="r1", available=0.5, gap=6.0, losses=0.2):
    return Candidate(
        name=name, region=region, family="H100-80GB", usd_per_useful_hour=usd, hours_per_useful_hour=1.0,
        losses_per_useful_hour=losses, available_share=available, gap_hours=gap, here_now=True,
    )  # fmt: skip


@pytest.mark.parametrize("limit", [10.5, 12.0, 14.0, 18.0])
def test_the_chance_is_that_of_waits_that_come_by_chance(limit):
    # 10 h of work; on average 2 waits of 1 h each: a compound Poisson sum, drawn here 100,000 times.
    rng = np.random.default_rng(1)
    waits = rng.gamma(np.maximum(counts := rng.poisson(2.0, 100_000), 1e-12), 1.0) * (counts > 0)
    drawn = float(np.mean(10.0 + waits <= limit))
    assert chance_in_time(order(), {"a": 1.0}, limit) == pytest.approx(drawn, abs=0.005)


def test_without_a_wait_the_hours_decide():
    calm = order(waiting=0.0, wall=10.0)
    assert chance_in_time(calm, {"a": 1.0}, 10.0) == 1.0
    assert chance_in_time(calm, {"a": 1.0}, 9.9) == 0.0
    assert chance_in_time(calm, {"a": 1.0}, None) is None


def test_less_than_the_work_itself_takes_is_never_in_time():
    assert chance_in_time(order(), {"a": 1.0}, 9.0) == 0.0


def followed(pools, head, terms):
    return chosen([each for each in best_orders(pools, terms) if each.names[0] == head], pools, terms)


def test_without_a_deadline_and_a_value_of_time_waiting_is_cheapest():
    found = followed([pool("a", 1.0), pool("b", 2.0, region="r2")], "a", Terms(work_hours=24.0))
    assert found.order.names == ("a",)
    assert found.p_deadline is None
    assert found.without[0].cost_usd is None


def test_a_deadline_brings_in_a_dearer_pool_and_its_worth_is_told():
    pools = [pool("a", 1.0), pool("b", 2.0, region="r2", available=0.95)]
    alone = followed(pools[:1], "a", Terms(work_hours=24.0, hours_to_deadline=40.0))
    found = followed(pools, "a", Terms(work_hours=24.0, hours_to_deadline=40.0))
    assert found.order.names == ("a", "b")
    assert found.p_deadline is not None
    assert found.p_deadline > alone.p_deadline
    without = {each.name: each for each in found.without}
    assert without["b"].p_deadline == alone.p_deadline
    assert without["b"].cost_usd < found.order.cost_usd < without["a"].cost_usd


def test_where_no_list_is_sure_the_likeliest_is_followed():
    pools = [pool("a", 1.0), pool("b", 2.0, region="r2"), pool("c", 3.0, region="r3")]
    found = followed(pools, "a", Terms(work_hours=24.0, hours_to_deadline=24.5))
    every = [followed(pools[:1], "a", Terms(work_hours=24.0, hours_to_deadline=24.5)), found]
    assert len(found.order.names) == 3
    assert every[0].p_deadline < found.p_deadline < 0.9


def test_the_order_of_candidates_changes_nothing():
    pools = [pool("a", 1.0), pool("b", 2.0, region="r2"), pool("c", 1.5, region="r3")]
    terms = Terms(work_hours=24.0, hours_to_deadline=40.0)
    assert followed(pools, "a", terms) == followed(pools[::-1], "a", terms)
