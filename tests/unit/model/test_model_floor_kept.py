"""Nodes kept on on-demand beside spot: what they add to a course, what they get done, and estimates of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from model.cost import estimate
from model.errors import ImpossibleInput, InsufficientHistory
from model.floor_kept import KeptFloor, kept_floor
from model.floor_of import floor_of
from model.market import Evidence
from model.placement import SideCosts, gang_hazard, spot_nodes_of
from model.screen import screen
from model.screen_columns import Columns, SideColumns

NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)
QUARTER = KeptFloor(nodes=4, floor_nodes=1, on_demand_usd_per_hour=40.0)


def one(value: float) -> np.ndarray:
    return np.array([value])


def test_a_floor_works_at_its_share_of_the_speed_once_it_has_started():
    # By hand: 5 h of waits in two losses, each beginning with half an hour: 4 h at a quarter are 1 h.
    assert QUARTER.worked_hours(one(5.0), one(2.0), 0.5, 24.0)[0] == 1.0
    # Without a loss, a wait for a first machine begins with a restart as well: (5 - 0.5) / 4.
    assert QUARTER.worked_hours(one(5.0), one(0.0), 0.5, 24.0)[0] == 1.125
    # Waits shorter than a restart get nothing done; nobody does more than there is.
    assert QUARTER.worked_hours(one(0.4), one(1.0), 0.5, 24.0)[0] == 0.0
    assert QUARTER.worked_hours(one(500.0), one(1.0), 0.5, 24.0)[0] == 24.0


def test_a_floor_costs_its_surcharge_and_its_waits_less_what_it_got_done():
    # By hand: 20 h billed, 1 h of it done meanwhile: 19 h of (40 - 10), 5 h of waiting at 40, less 4 * 10.
    assert QUARTER.beyond_usd(one(10.0), one(20.0), one(1.0), one(5.0))[0] == 19 * 30 + 5 * 40 - 40
    # Which is what the nodes cost one by one: three on spot and one on on-demand for 19 h, and 5 h of one.
    assert 4 * 10 * 20 + (19 * 30 + 5 * 40 - 40) == 19 * (3 * 10 + 40) + 5 * 40


def test_only_nodes_on_spot_are_at_risk(job, statistics):
    # By hand (F10): 4 nodes at a share of .9 are 4 * .1 + .9 = 1.3 of one; 2 of them 1.1.
    told = job(gpus=32, gang_share=0.9)
    lives = replace(statistics(), evidence=Evidence.TENURES)
    assert spot_nodes_of(told, statistics()) == 4
    assert float(gang_hazard(told, lives, 1.0)) == pytest.approx(1.3)
    kept = replace(told, floor_nodes=2)
    assert spot_nodes_of(kept, statistics()) == 2
    assert float(gang_hazard(kept, lives, 1.0)) == pytest.approx(1.1)


def test_a_floor_is_paid_for_in_the_cost_and_told_as_a_part(job, statistics, on_demand, as_of):
    plain, kept = job(gpus=32), job(gpus=32, floor_nodes=2)
    without, found, steady = (
        estimate(each, pool, NOTHING, from_at=as_of)
        for each, pool in ((plain, statistics()), (kept, statistics()), (kept, on_demand))
    )
    assert without.parts.on_demand == 0.0
    assert without.cost_usd.mean < found.cost_usd.mean < steady.cost_usd.mean
    assert found.finish_hours.mean < without.finish_hours.mean  # It goes on while spot is away.
    assert found.parts.total() == pytest.approx(found.effective_usd_per_gpu_hour.mean, abs=1e-9)
    assert steady == estimate(plain, on_demand, NOTHING, from_at=as_of)  # All of it is on on-demand anyway.


def test_without_an_on_demand_price_there_is_no_floor_to_price(job, statistics):
    unpriced = replace(statistics(), on_demand_usd_per_hour=None)
    with pytest.raises(InsufficientHistory, match="no on-demand price"):
        kept_floor(job(gpus=32, floor_nodes=1), unpriced, 4)


def test_a_floor_of_more_nodes_than_gpus_is_refused(job):
    with pytest.raises(ImpossibleInput, match="9 nodes on on-demand"):
        job(gpus=8, floor_nodes=9)


def test_a_demanded_floor_is_the_least_there_is(job, statistics, on_demand, as_of):
    def floor(hours: float, **changes):
        told = job(gpus=32, deadline_at=as_of + timedelta(hours=hours), **changes)
        return floor_of(
            told, *(estimate(told, each, NOTHING, from_at=as_of) for each in (statistics(), on_demand))
        )

    easy = floor(1000.0, elastic=True, floor_nodes=2)
    assert (easy.demanded, easy.chosen.on_demand_nodes, easy.nodes) == (2, 2, 4)
    assert floor(1000.0, elastic=True).chosen.on_demand_nodes == 0
    # By hand, what the estimate itself has: half of the nodes, for so much more than all on spot.
    told = job(gpus=32, deadline_at=as_of + timedelta(hours=1000.0), elastic=True, floor_nodes=2)
    found = estimate(told, statistics(), NOTHING, from_at=as_of)
    assert easy.over_none_usd == pytest.approx(found.parts.on_demand * found.useful_gpu_hours)
    assert (easy.chosen.cost_usd, easy.chosen.p_deadline) == (found.cost_usd.mean, found.p_deadline)
    # Whom the deadline asks for more than was demanded is told more.
    assert floor(25.0, elastic=True, floor_nodes=1).chosen.on_demand_nodes > 1
    # A soft deadline asks for none: what is demanded is all.
    assert floor(25.0, soft=True, floor_nodes=1).chosen.on_demand_nodes == 1
    assert floor(25.0, soft=True) is None


def test_a_screening_counts_a_floor_as_the_estimate_does(job, statistics, as_of):
    told = job(gpus=32, floor_nodes=2)
    exact = estimate(told, statistics(), NOTHING, from_at=as_of, draws=20_000)
    quick = screen(told, Columns.of([statistics()]), SideColumns.of([NOTHING]), from_at=as_of)
    assert quick.effective_usd_per_gpu_hour_N[0] == pytest.approx(
        exact.effective_usd_per_gpu_hour.mean, rel=0.05
    )
