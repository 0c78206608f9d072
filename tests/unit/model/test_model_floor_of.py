"""The on-demand floor of an estimated job: none or all of a gang, some nodes of work that scales."""

from __future__ import annotations

from datetime import timedelta

import pytest

from model.cost import estimate
from model.floor_of import floor_of
from model.placement import SideCosts

NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)


@pytest.fixture
def pair(job, statistics, on_demand, as_of):
    """Estimate a job of 4 nodes on spot and on on-demand, with so many hours to the deadline."""

    def build(hours, **changes):
        told = job(gpus=32, deadline_at=as_of + timedelta(hours=hours) if hours else None, **changes)
        return told, *(estimate(told, pool, NOTHING, from_at=as_of) for pool in (statistics(), on_demand))

    return build


def test_without_a_deadline_there_is_no_floor(pair):
    assert floor_of(*pair(None)) is None


def test_without_on_demand_there_is_none_either(pair):
    job, spot, _ = pair(60.0)
    assert floor_of(job, spot, None) is None


def test_a_gang_with_time_keeps_none_and_knows_what_all_would_cost(pair):
    job, spot, listed = pair(100.0)
    floor = floor_of(job, spot, listed)
    assert floor is not None
    assert (floor.splits, floor.chosen.on_demand_nodes, floor.over_none_usd) == (False, 0, 0.0)
    assert floor.steps[1].marginal_usd == pytest.approx(listed.cost_usd.mean - spot.cost_usd.mean)
    # 100 h less 24 h of work, one save of 180 s and a restart of 720 s: 75.75 h.
    assert floor.last_safe_switch_hours == pytest.approx(75.75, abs=0.01)


def test_a_gang_short_of_time_keeps_all_its_nodes(pair):
    job, spot, listed = pair(27.0)
    floor = floor_of(job, spot, listed)
    assert floor is not None
    assert floor.chosen.on_demand_nodes == 4
    assert floor.chosen.p_deadline == 1.0
    assert floor.over_none_usd == pytest.approx(listed.cost_usd.mean - spot.cost_usd.mean)


def test_work_that_scales_keeps_some_each_with_its_price_and_gain(pair):
    job, spot, listed = pair(26.5, elastic=True)
    floor = floor_of(job, spot, listed)
    assert floor is not None
    assert floor.splits
    assert 0 < floor.chosen.on_demand_nodes <= 4
    assert [step.on_demand_nodes for step in floor.steps] == [0, 1, 2, 3, 4]
    assert floor.steps[0].p_deadline < floor.chosen.p_deadline
    assert floor.over_none_usd == pytest.approx(
        sum(step.marginal_usd for step in floor.steps[1 : floor.chosen.on_demand_nodes + 1])
    )


def test_of_many_nodes_a_few_steps_are_told_with_the_chosen_one(job, statistics, on_demand, as_of):
    told = job(gpus=800, elastic=True, deadline_at=as_of + timedelta(hours=26.5))
    spot, listed = (estimate(told, pool, NOTHING, from_at=as_of) for pool in (statistics(), on_demand))
    floor = floor_of(told, spot, listed)
    assert floor is not None
    assert len(floor.steps) <= 18
    assert floor.chosen in floor.steps
    assert floor.steps[-1].on_demand_nodes == 100
