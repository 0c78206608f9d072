"""A soft deadline in an estimate: hours after it count in the effective price, and not in the cost."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from model.cost import estimate
from model.placement import SideCosts
from model.screen import screen
from model.screen_columns import Columns, SideColumns
from model.screen_quantiles import excess_from_least_N

NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)


@pytest.fixture
def both(job, statistics, as_of):
    """Estimate a job of 24 h hard and soft, with so many hours to the deadline, an hour worth 7 USD."""

    def build(hours, **changes):
        told = {"deadline_at": as_of + timedelta(hours=hours), "value_of_time_usd_per_hour": 7.0, **changes}
        jobs = job(**told), job(soft=True, **told)
        return [estimate(each, statistics(), NOTHING, from_at=as_of, draws=2000) for each in jobs]

    return build


def test_lateness_is_counted_in_the_effective_price_and_left_out_of_the_cost(both):
    hard, soft = both(26.0)
    assert soft.late_hours.mean > 0
    assert (soft.cost_usd, soft.finish_hours, soft.p_deadline) == (
        hard.cost_usd,
        hard.finish_hours,
        hard.p_deadline,
    )
    # By hand: effective price = (cost + 7 USD times the hours late) / useful GPU-hours; waiting is free.
    assert soft.effective_usd_per_gpu_hour.mean == pytest.approx(
        (soft.cost_usd.mean + 7.0 * soft.late_hours.mean) / soft.useful_gpu_hours
    )
    assert (soft.parts.waiting, hard.parts.late) == (0.0, None)
    assert soft.parts.total() == pytest.approx(soft.effective_usd_per_gpu_hour.mean, abs=1e-9)


def test_a_deadline_that_has_passed_at_the_start_but_for_an_hour_makes_all_the_rest_late(both):
    # By hand: no course ends within an hour, so the mean lateness is the mean finish less one hour.
    _, soft = both(1.0)
    assert soft.p_deadline == 0.0
    drawn_mean = soft.late_hours.mean + 1.0
    assert drawn_mean == pytest.approx(soft.finish_hours.mean, rel=0.05)
    assert soft.late_hours.p50 == pytest.approx(soft.finish_hours.p50 - 1.0)


def test_with_time_in_hand_a_soft_deadline_costs_nothing_and_waiting_is_free(both):
    hard, soft = both(1000.0)
    assert soft.late_hours.mean == soft.parts.late == 0.0
    assert soft.effective_usd_per_gpu_hour.mean == pytest.approx(soft.cost_usd.mean / soft.useful_gpu_hours)
    assert hard.effective_usd_per_gpu_hour.mean > soft.effective_usd_per_gpu_hour.mean  # It pays for waits.


def test_in_a_draw_nothing_is_too_late_to_win_where_lateness_is_priced(both):
    hard, soft = both(1.0)
    assert not hard.drawn.in_time_D.any()
    assert soft.drawn.in_time_D.all()


def test_the_excess_over_a_limit_of_an_exponential_is_its_mean_times_the_chance_to_pass_it():
    # By hand: least 2, sure never, mean 5, sd 3: 2 and an exponential of mean 3. Over 8: 3 exp(-6 / 3).
    found = excess_from_least_N(8.0, *(np.array([each]) for each in (2.0, 0.0, 5.0, 3.0)))
    assert found[0] == pytest.approx(3.0 * np.exp(-2.0))
    # A limit below the least is passed by all of the mean beyond it.
    assert excess_from_least_N(1.0, *(np.array([each]) for each in (2.0, 0.0, 5.0, 3.0)))[0] == 4.0
    # What never varies passes it by the difference, or not at all.
    still = [np.array([each]) for each in (2.0, 1.0, 2.0, 0.0)]
    assert excess_from_least_N(1.5, *still)[0] == pytest.approx(0.5)
    assert excess_from_least_N(3.0, *still)[0] == 0.0


def test_a_screening_counts_lateness_as_the_estimate_does(job, statistics, as_of):
    told = job(soft=True, deadline_at=as_of + timedelta(hours=26.0), value_of_time_usd_per_hour=70.0)
    exact = estimate(told, statistics(), NOTHING, from_at=as_of, draws=20_000)
    quick = screen(told, Columns.of([statistics()]), SideColumns.of([NOTHING]), from_at=as_of)
    assert quick.effective_usd_per_gpu_hour_N[0] == pytest.approx(
        exact.effective_usd_per_gpu_hour.mean, rel=0.05
    )
