"""Which ranked pools an allocation chooses among: regions before zones, spot and on-demand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.allocating import allotted, considered
from advisor.recommend import recommend

from .conftest import NOW


@pytest.fixture
def ranked(job, tariffs):
    """Rank pools for a sweep of eight, by the closed form."""

    def rank(*pools, **other):
        task = replace(job, copies=8, **other)
        return recommend(task, list(pools), [], tariffs, as_of=NOW, draws=400)

    return rank


def zone_of(seen, letter):
    return replace(seen, pool=replace(seen.pool, zone=f"name:{seen.pool.region}{letter}"))


def test_a_second_zone_comes_after_every_region(ranked, spot):
    cheap = [zone_of(spot("us-east-1", 0.90 + 0.001 * n), letter) for n, letter in enumerate("abc")]
    found = ranked(*cheap, spot("us-west-2", 1.20), spot("eu-west-1", 1.30))
    kept = considered(found.options, most=3)
    assert [option.pool.region for option in kept] == ["us-east-1", "us-west-2", "eu-west-1"]


def test_on_demand_keeps_some_room_and_does_not_crowd_out_spot(ranked, spot, on_demand):
    regions = [f"r{n}" for n in range(9)]
    found = ranked(*(spot(name, 1.0) for name in regions), *(on_demand(name) for name in regions))
    kinds = [option.pool.capacity_type.value for option in considered(found.options, most=8)]
    assert kinds == ["spot"] * 5 + ["on_demand"] * 3
    few = ranked(spot("r0"), *(on_demand(name) for name in regions))
    kinds = [option.pool.capacity_type.value for option in considered(few.options, most=8)]
    assert kinds == ["spot"] + ["on_demand"] * 7


def test_late_spot_is_still_considered_where_on_demand_ranks_first(ranked, spot, on_demand):
    # By hand: with 2 losses an hour and waits of 5 h no spot pool is in time, so on-demand ranks first.
    late = [spot(f"r{n}", 0.5, hazard=2.0, gap_hours=5.0) for n in range(3)]
    found = ranked(*late, *(on_demand(f"s{n}") for n in range(9)))
    assert found.options[0].pool.capacity_type.value == "on_demand"
    kinds = [option.pool.capacity_type.value for option in considered(found.options, most=6)]
    assert kinds.count("spot") == 3


def test_a_gang_is_not_dealt_out_and_a_refusal_is_an_answer(job, ranked, spot):
    found = ranked(spot("us-east-1"))
    assert found.allocation.found is None
    assert "nothing to spread over" in found.allocation.refused
    assert allotted(job, found.options, as_of=NOW, seed=0, draws=400) is None
