"""How often to save: known values, limits, and why."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from model.errors import ImpossibleInput
from model.goodput import Cadence, expected
from model.interval import choose_interval, daly_hours, exact_hours, young_hours
from model.notice import notice_billed_per_useful, notice_interval_hours

FIVE_MINUTES = 1 / 12  # h
SIX_HOURLY = 1 / 6  # per h


def test_young_for_five_minutes_and_six_hours_is_one_hour():
    # sqrt(2 * 1/12 * 6) = 1.
    assert young_hours(FIVE_MINUTES, SIX_HOURLY) == pytest.approx(1.0)


def test_daly_takes_five_percent_off_young():
    # y = (1/12)/12 = 1/144: 1 * (1 + (1/12)/3 + (1/144)/9) - 1/12 = .94522.
    assert daly_hours(FIVE_MINUTES, SIX_HOURLY) == pytest.approx(1 + 1 / 36 + 1 / 1296 - 1 / 12)


def test_daly_falls_back_to_the_mean_life_where_a_save_takes_twice_as_long():
    assert daly_hours(2.0, 1.0) == 1.0


def test_the_exact_interval_is_where_billed_time_is_least():
    at = {
        tau: float(
            expected(
                tau, Cadence(interval_hours=tau, pause_hours=0.05, restart_hours=0.2), SIX_HOURLY
            ).billed_hours
        )
        / tau
        for tau in np.linspace(0.5, 1.1, 601)
    }
    assert min(at, key=at.__getitem__) == pytest.approx(float(exact_hours(0.05, SIX_HOURLY)), abs=1e-3)


def test_the_series_near_the_branch_point_meets_the_closed_form():
    # Below C h = 1e-4 a series takes over; on both sides of it tau h must run smoothly.
    below, above = exact_hours(0.99999e-4, 1.0), exact_hours(1.00001e-4, 1.0)
    slope = (above - below) / below
    assert slope == pytest.approx(0.5 * 2e-5, rel=0.02)  # tau grows as the root of C.


def test_a_tiny_pause_keeps_all_its_digits():
    # C h = 1e-12: tau = sqrt(2e-12) (1 - sqrt(2e-12) / 3).
    assert exact_hours(1e-12, 1.0) == pytest.approx(sqrt(2e-12) * (1 - sqrt(2e-12) / 3), rel=1e-12)


def test_no_hazard_means_no_reason_to_save():
    assert young_hours(0.1, 0.0) == daly_hours(0.1, 0.0) == exact_hours(0.1, 0.0) == np.inf


def test_a_free_save_is_made_all_the_time():
    assert exact_hours(0.0, 1.0) == 0.0


def test_the_chosen_interval_is_the_exact_one_in_seconds_cut_evenly(job):
    # C = 180 s = .05 h, M = 6 h: .7416 h = 2670 s, of which 24 h hold 32.4: 32 segments of 2700 s.
    chosen = choose_interval(job(), SIX_HOURLY)
    assert 3600 * float(exact_hours(0.05, SIX_HOURLY)) == pytest.approx(2670, rel=1e-3)
    assert chosen.interval_s == pytest.approx(2700.0)
    assert (chosen.rule, chosen.capped_by) == ("exact", None)
    assert chosen.words == "exact optimum (Lambert W)"


def test_a_promise_of_ten_minutes_caps_the_interval(job):
    chosen = choose_interval(job(max_lost_work_s=600.0), SIX_HOURLY)
    assert (chosen.interval_s, chosen.capped_by) == (600.0, "max_lost_work_s")
    assert "max_lost_work_s" in chosen.words


def test_the_lag_of_a_save_counts_against_the_promise(job):
    # 600 s may be lost; 200 s pass before a save is durable: 400 s of new work at most.
    chosen = choose_interval(job(max_lost_work_s=600.0, overheads={"save_lag_s": 200.0}), SIX_HOURLY)
    assert chosen.interval_s == 400.0
    assert chosen.rule == "async"


def test_a_promise_shorter_than_a_save_is_refused_with_both_numbers(job):
    with pytest.raises(ImpossibleInput, match=r"300 s.*900 s"):
        choose_interval(job(max_lost_work_s=300.0, overheads={"save_lag_s": 900.0}), SIX_HOURLY)


def test_the_next_background_save_waits_for_the_last_one(job):
    # Pause 1 s, lag 3600 s: the optimum is sqrt(2 * 1 * 3600) = 85 s, but one upload is in flight.
    chosen = choose_interval(job(overheads={"pause_s": 1.0, "save_lag_s": 3600.0}), 1.0)
    assert (chosen.interval_s, chosen.capped_by) == (3600.0, "save_lag_s")  # 3599 s, cut evenly: 24 of them.


@pytest.mark.parametrize("work", [0.7, 1.0, 3.0, 5.3, 24.0, 100.0])
@pytest.mark.parametrize("life", [1.5, 6.0, 24.0])
def test_no_other_number_of_even_segments_costs_a_thousandth_less(job, work, life):
    hazard, pause = 1.0 / life, 0.05
    chosen = choose_interval(job(useful_hours=work), hazard)
    count = work * 3600 / chosen.interval_s
    assert count == pytest.approx(round(count))

    def billed(segments):
        return segments * np.expm1(hazard * (work / segments + pause))

    best = min(billed(n) for n in range(1, 400))
    assert billed(round(count)) <= best * (1 + 1e-3)


def test_without_hazard_one_save_at_the_end_is_enough(job):
    chosen = choose_interval(job(), 0.0)
    assert (chosen.interval_s, chosen.rule, chosen.capped_by) == (86_400.0, "no-hazard", "useful_hours")


def test_without_hazard_a_promise_still_holds(job):
    assert choose_interval(job(max_lost_work_s=7200.0), 0.0).interval_s == 7200.0


def test_a_free_save_is_not_made_more_than_once_a_second(job):
    chosen = choose_interval(job(overheads={"pause_s": 0.0}), 1.0)
    assert (chosen.interval_s, chosen.capped_by) == (1.0, "shortest")


def test_a_job_of_minutes_is_saved_at_its_end(job):
    assert choose_interval(job(useful_hours=0.1), SIX_HOURLY).interval_s == pytest.approx(360.0)


def test_the_useful_hours_of_another_gpu_may_be_given(job):
    assert choose_interval(job(), 0.0, useful_hours=48.0).interval_s == 172_800.0


def test_with_no_notice_f7_is_f4_per_useful_hour_of_a_fresh_restart():
    # p = 0, w = 0: M e^(R/M) (e^((tau+C)/M) - 1) / tau = 6 e^(1/60) (e^.175 - 1) = 1.16675.
    cadence = Cadence(interval_hours=1.0, pause_hours=0.05, restart_hours=0.1)
    by_hand = 6 * np.exp(0.1 / 6) * np.expm1(1.05 / 6)
    assert notice_billed_per_useful(cadence, SIX_HOURLY, 0.0, 0.0) == pytest.approx(by_hand)


def test_notice_makes_saving_seldom_the_better_plan():
    cadence = Cadence(interval_hours=1.0, pause_hours=0.05, restart_hours=0.1)
    never, mostly = (notice_interval_hours(cadence, SIX_HOURLY, p, 1 / 30) for p in (0.0, 0.9))
    assert never == pytest.approx(float(exact_hours(0.05, SIX_HOURLY)), rel=1e-3)
    assert mostly == pytest.approx(2.58342445302, rel=1e-3)


def test_certain_notice_is_capped_and_not_endless():
    cadence = Cadence(interval_hours=1.0, pause_hours=0.05, restart_hours=0.1)
    assert notice_interval_hours(cadence, SIX_HOURLY, 1.0, 1 / 30, longest_hours=24.0) == pytest.approx(24.0)


def test_free_saves_on_notice_are_made_all_the_time():
    cadence = Cadence(interval_hours=1.0, pause_hours=0.0, restart_hours=0.1)
    assert notice_interval_hours(cadence, SIX_HOURLY, 0.5, 1 / 30) == 0.0


@pytest.mark.parametrize("rule", [young_hours, daly_hours, exact_hours])
@pytest.mark.parametrize(("pause", "hazard"), [(-0.1, 1.0), (0.1, -1.0), (np.nan, 1.0), (0.1, np.inf)])
def test_impossible_numbers_are_refused(rule, pause, hazard):
    with pytest.raises(ImpossibleInput) as refusal:
        rule(pause, hazard)
    assert refusal.value.fix
