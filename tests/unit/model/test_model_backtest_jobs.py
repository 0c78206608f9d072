"""A job on the record, and what it says of an estimate and of a choice: every number by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from math import inf

import pytest

from model.backtest_jobs import Offer, covered, job_scores_at, regret
from model.backtest_replay import finished_on_demand_usd, replayed
from model.cost import SideCosts, drawn_courses
from model.errors import ImpossibleInput
from model.goodput import Cadence
from model.market import CapacityType, Evidence, PriceKind, PricePoint

ZERO = datetime(2026, 1, 1, tzinfo=UTC)
HOURLY = Cadence(interval_hours=1.0, pause_hours=0.1, restart_hours=0.5)

# The job on the record.


def test_an_undisturbed_job_takes_its_work_its_saves_and_one_restart():
    # By hand: .5 restart + 2 segments of 1.1 + a last one of .5 + .1 = 3.3 h.
    course = replayed(2.5, HOURLY, [(0.0, inf)], start_hour=0.0, end_hour=inf)
    assert course.done
    assert course.wall_hours == pytest.approx(3.3)
    assert course.billed == ((0.0, pytest.approx(3.3)),)


def test_a_loss_takes_what_no_save_holds_and_the_gap_is_waited_not_billed():
    # From 1 to 4: .5 restart, then 2.5 h hold 2 segments of 1.1 (2 h kept), .3 h are lost. From 6: .5
    # restart, .5 h of work, .1 save: done at 7.1. Billed 3 + 1.1, waited 1 + 2, one preemption.
    course = replayed(2.5, HOURLY, [(1.0, 4.0), (6.0, 20.0)], start_hour=0.0, end_hour=20.0)
    assert course.done
    assert course.wall_hours == pytest.approx(7.1)
    assert course.billed_hours == pytest.approx(4.1)
    assert course.preemptions == 1


def test_a_save_that_is_not_yet_durable_holds_nothing():
    lagging = Cadence(interval_hours=1.0, pause_hours=0.1, restart_hours=0.5, save_lag_hours=0.5)
    # 2 h less .5 restart: the save ends at 1.1 and is durable at 1.6 > 1.5.
    assert replayed(2.0, lagging, [(0.0, 2.0)], 0.0, 9.0).kept_hours == 0.0
    assert replayed(2.0, lagging, [(0.0, 2.2)], 0.0, 9.0).kept_hours == 1.0


def test_where_the_record_ends_first_the_job_is_not_done_and_was_not_preempted():
    course = replayed(10.0, HOURLY, [(0.0, 4.0)], start_hour=1.0, end_hour=4.0)
    assert not course.done
    assert (course.wall_hours, course.kept_hours, course.preemptions) == (3.0, 2.0, 0)


# Offers: a pool ranked for a job.


@pytest.fixture
def offer(job, statistics):
    """An offer of ten useful hours on a pool at 1 USD/h against 3; saves and restarts take no time."""
    free = {"pause_s": 0.0, "boot_s": 0.0, "restore_s": 0.0, "warmup_s": 0.0}
    ten_hours = job(useful_hours=10.0, overheads=free)
    side = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)

    def make(spells=((0.0, inf),), end=inf, **changes):
        plain = {"price_usd_per_hour": 1.0, "on_demand_usd_per_hour": 3.0}
        known = statistics(**plain | changes)
        price = PricePoint(
            pool=known.pool, price_usd_per_hour=Decimal(str(known.price_usd_per_hour)),
            kind=PriceKind.RECORDED, effective_at=ZERO, observed_at=ZERO,
        )  # fmt: skip
        drawn = drawn_courses(ten_hours, known, side, draws=400, seed=1, from_at=ZERO)
        return Offer(courses=drawn, spells=tuple(spells), record_end_hour=end, prices=(price,))

    return make


def on_demand(pool):
    return {
        "pool": pool(zone=None, capacity_type=CapacityType.ON_DEMAND), "price_usd_per_hour": 3.0,
        "evidence": Evidence.CONTRACT, "hazard_shape": 0.0, "hazard_rate_hours": 0.0, "gap_hours": 0.0,
    }  # fmt: skip


def values(scores, figure):
    (found,) = [each for each in scores if each.figure == figure]
    return found.ours_N.tolist(), found.theirs_N.tolist()


def test_regret_by_hand():
    found = regret(paid_usd=12.0, best_usd=10.0, on_demand_usd=30.0)
    assert (found.usd, found.share, found.saving) == (2.0, pytest.approx(0.2), pytest.approx(0.6))
    assert regret(10.0, 10.0, None).saving is None
    with pytest.raises(ImpossibleInput, match="best pool"):
        regret(1.0, 0.0, None)


def test_coverage_by_hand():
    assert covered(10.0, 20.0, 10.0, done=True) == 1.0
    assert covered(10.0, 20.0, 20.5, done=True) == 0.0
    assert covered(10.0, 20.0, 15.0, done=False) == 0.0  # It took longer than the record shows.


def test_the_first_choice_is_measured_against_the_best_and_against_on_demand(offer, pool):
    # Ten hours to which nothing happens: 12 USD on spot at 1.2, 10 at 1, 30 on demand at 3.
    first = offer(price_usd_per_hour=1.2, end=1e6)
    other = offer(pool=pool(zone="b"), end=1e6)
    demand = offer(**on_demand(pool))
    scores, left_out = job_scores_at([first, other, demand], 0.0, ZERO)
    assert left_out == []
    ours, cheapest = values(scores, "regret_usd")
    assert ours == [pytest.approx(2.0)]
    assert cheapest == [pytest.approx(0.0)]
    assert values(scores, "regret_share")[0] == [pytest.approx(0.2)]
    assert values(scores, "saving_share") == ([pytest.approx(0.6)], [pytest.approx(2 / 3)])


def test_without_a_choice_there_is_no_regret(offer, pool):
    demand = offer(**on_demand(pool))
    another = offer(**{**on_demand(pool), "pool": pool(region="x", capacity_type=CapacityType.ON_DEMAND)})
    for offers in ([offer(end=1e6)], [demand, another]):
        scores, _ = job_scores_at(offers, 0.0, ZERO)
        assert not [each for each in scores if each.figure.startswith("regret")]


def test_where_nobody_knows_what_became_of_the_first_choice_there_is_no_regret(offer, pool):
    short = offer(pool=pool(zone="b"), spells=((0.0, 5.0),), end=5.0)
    scores, left_out = job_scores_at([short, offer(end=1e6), offer(**on_demand(pool))], 0.0, ZERO)
    assert not [each for each in scores if each.figure.startswith("regret")]
    assert len(left_out) == 1


def test_a_pool_whose_record_ends_before_p90_is_left_out_in_words(offer):
    scores, left_out = job_scores_at([offer(spells=((0.0, 5.0),), end=5.0)], 0.0, ZERO)
    assert scores == []
    assert "ends before the predicted P90" in left_out[0]


def test_a_pool_without_a_price_is_left_out_in_words(offer):
    scores, left_out = job_scores_at([replace(offer(end=1e6), prices=())], 0.0, ZERO)
    assert scores == []
    assert "No price is in force" in left_out[0]


def test_an_unfinished_job_is_outside_its_interval_and_ends_on_on_demand_for_regret(offer):
    # The record goes on for 1000 h without capacity: not done, nothing kept, nothing paid so far.
    stuck = offer(spells=(), end=1000.0)
    scores, _ = job_scores_at([stuck], 0.0, ZERO)
    assert values(scores, "finish_coverage_80")[0] == [0.0]
    assert values(scores, "cost_coverage_80")[0] == [0.0]
    course = replayed(10.0, stuck.courses.placement.cadence, (), 0.0, 1000.0)
    assert finished_on_demand_usd(stuck.courses.placement, course, 0.0) == pytest.approx(30.0)


def test_a_job_to_which_nothing_happens_scores_what_the_record_says(offer):
    calm = offer(end=1e6)
    scores, _ = job_scores_at([calm], 0.0, ZERO)
    assert values(scores, "finish_crps")[1] == [pytest.approx(0.0, abs=1e-9)]
    assert values(scores, "cost_crps")[1] == [pytest.approx(0.0, abs=1e-9)]
