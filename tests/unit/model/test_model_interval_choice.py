"""One door picks the interval: which rule, why, and never dearer than any other interval."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from model.errors import ImpossibleInput
from model.goodput import Cadence, expected
from model.interval import choose_interval, exact_hours
from model.interval_choice import Danger, fitting_interval
from model.interval_laws import (
    best_fixed_hours,
    billed_by_age,
    gang_life,
    interval_at_age_hours,
    intervals_by_age,
)
from model.notice import notice_billed_per_useful, saved_in_time
from model.renewal import bathtub, billed_per_useful, exponential, weibull
from model.tiers import TwoLevels, two_level_billed_per_useful

SIX_HOURLY = Danger(hazard_per_hour=1 / 6)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"max_lost_work_s": 600.0},
        {"overheads": {"save_lag_s": 200.0}},
        {"overheads": {"pause_s": 1.0, "save_lag_s": 3600.0}},
        {"overheads": {"pause_s": 0.0}},
        {"useful_hours": 0.1},
    ],
)
@pytest.mark.parametrize("hazard", [0.0, 1 / 168, 1 / 6, 2.0])
def test_a_plain_job_gets_what_it_always_got(job, changes, hazard):
    before = choose_interval(job(**changes), hazard)
    now = fitting_interval(job(**changes), Danger(hazard_per_hour=hazard))
    assert (now.interval_s, now.rule, now.capped_by, now.words) == (
        before.interval_s, before.rule, before.capped_by, before.words,
    )  # fmt: skip


def test_a_gang_is_as_dangerous_as_its_common_causes_and_not_as_its_nodes(job):
    # .05 (16 * .1 + .9) = .125 per hour, not .8.
    chosen = fitting_interval(job(), Danger(hazard_per_hour=0.05, nodes=16))
    assert chosen.interval_s == pytest.approx(86_400 / 28)  # A long job's optimum is 3101 s: 27.9 segments.
    assert chosen.interval_s == pytest.approx(3600 * float(exact_hours(0.05, 0.125)), rel=0.01)
    assert "0.125 times an hour" in chosen.why
    assert "0.8" in chosen.why


def test_a_drop_of_the_pool_is_taken_as_it_is(job):
    chosen = fitting_interval(job(), Danger(hazard_per_hour=0.05, nodes=16, of_gang=True))
    assert chosen.interval_s == pytest.approx(86_400 / 17)  # A long job's optimum is 4972 s: 17.4 segments.
    assert chosen.interval_s == pytest.approx(3600 * float(exact_hours(0.05, 0.05)), rel=0.03)


def test_the_chance_to_save_on_notice_is_the_chance_to_be_quick_enough():
    # Median 60 s, window 120 s, log-sd .5: Phi(ln 2 / .5) = Phi(1.386) = .9172; .9 are told at all.
    assert saved_in_time(60, 0.5, 120, delivered_share=0.9) == pytest.approx(0.9 * 0.9172, abs=1e-4)
    # Both of two nodes: .9172 squared.
    assert saved_in_time(60, 0.5, 120, delivered_share=1.0, nodes=2) == pytest.approx(0.9172**2, abs=1e-4)
    assert saved_in_time(60, 0.0, 59.9, delivered_share=1.0) == 0.0
    assert saved_in_time(60, 0.5, 0.0, delivered_share=1.0) == 0.0


def test_notice_counts_only_where_the_job_says_it_tries(job):
    told = replace(SIX_HOURLY, notice_s=120.0)
    assert fitting_interval(job(), told).rule == "exact"
    quick = job(overheads={"emergency_save_s": 30.0, "notice_delivered_share": 0.95})
    chosen = fitting_interval(quick, told)
    assert (chosen.rule, chosen.formula) == ("notice", "F7o")
    assert chosen.interval_s > 2 * choose_interval(quick, 1 / 6).interval_s
    assert "95% of emergency saves" in chosen.why or "94% of emergency saves" in chosen.why
    assert fitting_interval(quick, SIX_HOURLY).rule == "exact"  # No notice is given here.


def test_the_promise_holds_with_notice_too(job):
    quick = job(max_lost_work_s=900.0, overheads={"emergency_save_s": 30.0, "notice_delivered_share": 0.95})
    chosen = fitting_interval(quick, replace(SIX_HOURLY, notice_s=120.0))
    assert (chosen.interval_s, chosen.capped_by) == (900.0, "max_lost_work_s")


def test_a_failed_emergency_save_falls_back_past_one_that_was_still_under_way():
    # With p = 0, no notice and lag U: billed per useful is F8, M e^((R+U)/M) (e^(b/M) - 1) / tau.
    cadence = Cadence(interval_hours=0.5, pause_hours=0.01, restart_hours=0.1, save_lag_hours=0.25)
    by_hand = 6 * np.exp(0.35 / 6) * np.expm1(0.51 / 6) / 0.5
    assert notice_billed_per_useful(cadence, 1 / 6, 0.0, 0.0) == pytest.approx(by_hand)


def played(cadence: Cadence, full: float, every: int, share: float, hazard: float, paths: int) -> float:
    """Two levels of saves, event by event: billed hours per useful hour of one period, after a commit."""
    rng = np.random.default_rng(4)
    billed = 0.0
    for _ in range(paths):
        place, restarting = 0, False
        while place < every:
            hours = cadence.interval_hours + (full if place == every - 1 else cadence.pause_hours)
            needed = hours + (cadence.restart_hours if restarting else 0.0)
            life = rng.exponential(1 / hazard)
            billed += min(life, needed)
            if life >= needed:
                place, restarting = place + 1, False
            else:
                place, restarting = (place if rng.random() < share else 0), True
    return billed / (paths * every * cadence.interval_hours)


@pytest.mark.parametrize(("hazard", "share", "every"), [(1 / 6, 0.8, 5), (1.0, 0.5, 3)])
def test_two_levels_agree_with_events(hazard, share, every):
    cadence = Cadence(interval_hours=0.4, pause_hours=0.01, restart_hours=0.1)
    exact = two_level_billed_per_useful(cadence, 0.08, every, share, hazard)
    assert exact == pytest.approx(played(cadence, 0.08, every, share, hazard, 60_000), rel=0.005)


def test_all_saves_full_is_one_level():
    # every = 1: F4 per useful hour, 6 e^(.1/6) (e^(.48/6) - 1) / .4, less the first restart.
    cadence = Cadence(interval_hours=0.4, pause_hours=0.01, restart_hours=0.1)
    one = Cadence(interval_hours=0.4, pause_hours=0.08, restart_hours=0.1)
    exact = two_level_billed_per_useful(cadence, 0.08, 1, 0.8, 1 / 6)
    assert exact == pytest.approx(float(expected(0.4, one, 1 / 6).billed_hours) / 0.4, rel=1e-12)


def test_the_first_order_of_two_levels_finds_the_same_count_of_light_saves(job):
    # C1 = 36 s, C2 = 288 s, q = .8: sqrt(7 * .8 / .2) = 5.3 light saves to a full one.
    told = job(overheads={"pause_s": 288.0, "light_pause_s": 36.0, "light_survives_share": 0.8})
    chosen = fitting_interval(told, SIX_HOURLY)
    near = TwoLevels(light_hours=0.01, full_hours=0.08, hazard_per_hour=1 / 6, light_share=0.8)
    assert (chosen.rule, chosen.formula) == ("two-levels", "F9a")
    assert abs(chosen.full_every - near.best_every()) <= 1
    assert chosen.interval_s == pytest.approx(3600 * near.interval_hours(chosen.full_every), rel=0.1)
    assert "80% of losses" in chosen.why


def test_light_saves_that_survive_nothing_are_not_made(job):
    told = job(overheads={"light_pause_s": 10.0, "light_survives_share": 0.0})
    assert fitting_interval(told, SIX_HOURLY).rule == "exact"


def test_weights_alone_are_saved_often_where_warming_up_is_cheap(job):
    cheap, dear = (
        fitting_interval(job(overheads={"light_pause_s": 10.0, "light_warmup_s": warm}), SIX_HOURLY)
        for warm in (60.0, 40_000.0)
    )
    assert (cheap.rule, cheap.formula, cheap.full_every) == ("weights-only", "F9b", 8)  # The cap.
    assert cheap.billed_per_useful < dear.billed_per_useful


def test_a_promise_counts_back_to_the_last_full_save(job):
    # 1800 s may be lost: with m saves to a full one the interval is at most 1800 / m.
    told = job(max_lost_work_s=1800.0, overheads={"light_pause_s": 5.0, "light_survives_share": 0.95})
    chosen = fitting_interval(told, SIX_HOURLY)
    assert chosen.interval_s * chosen.full_every <= 1800.0 + 1e-6


@pytest.mark.parametrize(
    "told",
    [{}, {"light_survives_share": 0.5, "light_warmup_s": 60.0}, {"light_warmup_s": 1.0, "light_most": 0}],
)
def test_a_light_save_must_say_what_it_is_worth(job, told):
    with pytest.raises(ImpossibleInput, match="light saves of 10 s"):
        fitting_interval(job(overheads={"light_pause_s": 10.0} | told), SIX_HOURLY)


def test_exponential_lives_get_the_exact_interval(job):
    chosen = fitting_interval(job(), Danger(hazard_per_hour=1 / 6, life=exponential(1 / 6)))
    assert chosen.interval_s == pytest.approx(3600 * float(exact_hours(0.05, 1 / 6)), rel=0.01)
    assert (chosen.rule, chosen.formula) == ("any-life", "F6")


def test_a_gang_of_any_law_shares_its_common_causes():
    # Exponential: S^(4 * .5 + .5) is a hazard 2.5 times as high.
    assert gang_life(exponential(0.2), 4, 0.5).mean_hours() == pytest.approx(1 / 0.5)


@pytest.mark.parametrize("life", [weibull(0.6, 4.0), weibull(1.5, 6.0), bathtub(0.45, 1.0, 0.8, 24.0)])
def test_no_interval_of_a_grid_is_cheaper_for_any_law(life):
    cadence = Cadence(interval_hours=1.0, pause_hours=0.05, restart_hours=0.2)
    hours, billed = best_fixed_hours(life, cadence, 1000.0)
    tried = [
        billed_per_useful(life, Cadence(interval_hours=tau, pause_hours=0.05, restart_hours=0.2))
        for tau in np.geomspace(hours / 5, hours * 3, 150)
    ]
    assert billed <= min(tried) * 1.001


def test_machines_that_settle_are_saved_less_and_less():
    # Weibull .6: danger falls with age, so intervals grow.
    ages = [0.2, 1.0, 5.0, 25.0]
    intervals = [interval_at_age_hours(weibull(0.6, 4.0), age, 0.05, 0.01, 100.0) for age in ages]
    assert intervals == sorted(intervals)


def test_a_constant_danger_has_no_age():
    found = interval_at_age_hours(exponential(1 / 6), 7.0, 0.05, 0.01, 100.0)
    assert found == pytest.approx(float(exact_hours(0.05, 1 / 6)), rel=1e-4)


@pytest.mark.parametrize("life", [weibull(0.5, 4.0), bathtub(0.45, 1.0, 0.8, 24.0)])
def test_saving_by_age_bills_less_than_any_one_interval_and_agrees_with_lives(life):
    cadence = Cadence(interval_hours=1.0, pause_hours=0.05, restart_hours=0.2)
    _, fixed = best_fixed_hours(life, cadence, 1000.0)
    plan = intervals_by_age(life, cadence, 1 / 3600, 1000.0)
    billed = billed_by_age(life, cadence, plan)
    assert billed < fixed
    ages = np.concatenate([[0.0], np.geomspace(1e-6, min(life.longest_hours, 1e4), 400_000)])
    lives = np.interp(-(np.arange(400_000) + 0.5) / 400_000, -life.at(ages), ages)
    ends = np.array([age + hours + 0.05 for age, hours in plan])
    hours = np.array([hours for _, hours in plan])
    repeats = np.floor(np.maximum(lives - ends[-1], 0.0) / (hours[-1] + 0.05)) * hours[-1]
    kept = np.concatenate([[0.0], np.cumsum(hours)])[np.searchsorted(ends, lives, side="right")] + repeats
    assert billed == pytest.approx(lives.sum() / kept.sum(), rel=0.005)


def test_a_plan_by_age_says_from_which_age_it_holds(job):
    chosen = fitting_interval(job(), Danger(hazard_per_hour=0.2, life=weibull(0.5, 4.0), by_age=True))
    assert (chosen.rule, chosen.formula) == ("by-age", "F6c")
    assert chosen.by_age_s[0] == (pytest.approx(720.0), chosen.interval_s)  # A restart takes 720 s.
    ages = [age for age, _ in chosen.by_age_s]
    assert ages == sorted(ages)


def test_a_law_says_that_notice_is_left_out(job):
    told = job(overheads={"emergency_save_s": 30.0, "notice_delivered_share": 0.9})
    chosen = fitting_interval(told, Danger(hazard_per_hour=0.2, life=weibull(0.7, 4.0), notice_s=120.0))
    assert "Notice and light saves are not counted" in chosen.why


def test_machines_that_never_live_through_a_restart_are_refused(job):
    with pytest.raises(ImpossibleInput, match="no save would ever be reached"):
        fitting_interval(job(), Danger(hazard_per_hour=1.0, life=bathtub(0.45, 0.01, 0.01, 0.15)))


@pytest.mark.parametrize(
    "impossible",
    [{"hazard_per_hour": -1.0}, {"hazard_per_hour": 1.0, "nodes": 0}, {"hazard_per_hour": float("nan")}],
)
def test_impossible_dangers_are_refused(impossible):
    with pytest.raises(ImpossibleInput):
        Danger(**impossible)
