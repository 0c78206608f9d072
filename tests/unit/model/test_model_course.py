"""The job simulator: one course by hand, many against the closed forms and the slow oracle."""

from __future__ import annotations

from dataclasses import fields
from math import exp, expm1, inf

import numpy as np
import pytest

from model.billing import BillingRule
from model.course import Courses, run
from model.course_billing import Billing, Notice
from model.course_markets import Fixed, Renewing
from model.errors import ImpossibleInput
from model.goodput import Cadence, excess, expected
from model.luck import uniforms
from model.notice import notice_billed_per_useful
from model.renewal import billed_per_life_with_refund, billed_per_useful, weibull
from model.simulate import simulate

# An hour of work, .1 h of pause; a restart takes .2 h.
HOUR_FREE, AT_LEAST = BillingRule(refund_s=3600.0), BillingRule(least_s=1080.0)
HOURLY = Cadence(interval_hours=1.0, pause_hours=0.1, restart_hours=0.2)


def one(spells: list[tuple[float, float]], work_hours: float = 2.5, cadence: Cadence = HOURLY, **rules):
    """The one course of a job on spells, as plain floats."""
    found = run(work_hours, cadence, Fixed([spells]), **rules)
    assert isinstance(found, Courses)
    return {each.name.removesuffix("_hours"): float(getattr(found, each.name)[0]) for each in fields(found)}


def hours(**known: float) -> dict[str, float]:
    """A course in which nothing happened but what is named."""
    return {each.name.removesuffix("_hours"): 0.0 for each in fields(Courses)} | known


def test_an_undisturbed_job_takes_its_boot_its_work_and_its_pauses():
    # .2 + (1 + .1) + (1 + .1) + (.5 + .1) = 3.0.
    assert one([(0.0, inf)]) == pytest.approx(hours(wall=3.0, billed=3.0, stall=0.3, restart=0.2))


def test_a_strike_in_work_keeps_what_was_saved():
    # Saved at 1.3; struck at 2.0 after .7 h more. Then .2 + 1.1 + .6 from 3.0 on.
    assert one([(0.0, 2.0), (3.0, inf)]) == pytest.approx(
        hours(
            wall=4.9, billed=3.9, waiting=1.0, stall=0.3, rerun=0.7, lost_work=0.7, restart=0.4, preemptions=1
        )
    )


def test_a_strike_in_a_save_loses_the_interval_and_the_pause_so_far():
    # The second save runs from 2.3 to 2.4; struck at 2.35: 1 h of work and .05 of pause again.
    found = one([(0.0, 2.35), (3.0, inf)])
    assert (found["rerun"], found["lost_work"]) == pytest.approx((1.05, 1.0))
    assert found["wall"] == pytest.approx(3.0 + 0.2 + 1.1 + 0.6)


def test_a_strike_in_a_restart_is_billed_as_restart_and_loses_no_work():
    # .15 h of boot in vain, then a whole course of 3 h.
    found = one([(0.0, 0.15), (1.0, inf)])
    assert found == pytest.approx(
        hours(wall=4.0, billed=3.15, waiting=0.85, stall=0.3, restart=0.35, preemptions=1)
    )


def test_the_first_machine_may_need_no_boot():
    assert one([(0.0, inf)], first_boot=False)["wall"] == pytest.approx(2.8)


def test_a_life_that_ends_with_the_last_save_is_enough():
    assert one([(0.0, 3.0)])["preemptions"] == 0.0


def test_a_save_counts_once_its_lag_is_over_and_the_last_is_waited_for():
    # Lag .3: the first save counts at .2 + 1.1 + .3 = 1.6. Struck at 1.5, 1.3 h are gone: 1.2 of work.
    lagging = Cadence(interval_hours=1.0, pause_hours=0.1, restart_hours=0.2, save_lag_hours=0.3)
    lost = one([(0.0, 1.5), (2.0, inf)], cadence=lagging)
    assert (lost["rerun"], lost["lost_work"]) == pytest.approx((1.3, 1.2))
    assert lost["wall"] == pytest.approx(2.0 + 3.0 + 0.3)
    assert lost["stall"] == pytest.approx(0.3 + 0.3)
    # Struck at 1.65, the first interval is kept and .35 h are gone.
    kept = one([(0.0, 1.65), (2.0, inf)], cadence=lagging)
    assert kept["rerun"] == pytest.approx(0.35)


def test_many_segments_of_one_life_are_counted_at_once():
    # (100.5 - .2) / 1.1 = 91.18: 91 saved, .2 h lost.
    found = one([(0.0, 100.5), (100.5, inf)], work_hours=200.0)
    assert found["rerun"] == pytest.approx(100.5 - 0.2 - 91 * 1.1)
    assert found["wall"] == pytest.approx(100.5 + 0.2 + 109 * 1.1)


def test_a_life_lost_within_the_first_hour_is_free_and_a_longer_one_is_not():
    refund = Billing(rule=HOUR_FREE)
    free = one([(0.0, 0.9), (1.0, inf)], billing=refund)
    assert (free["refunded"], free["billed"]) == pytest.approx((0.9, 3.0))
    assert one([(0.0, 1.0), (1.0, inf)], billing=refund)["refunded"] == 0.0
    # 3 of 4 nodes taken: a quarter of the life is billed.
    part = one([(0.0, 0.9), (1.0, inf)], billing=Billing(rule=HOUR_FREE, refund_share=0.75))
    assert part["billed"] == pytest.approx(3.0 + 0.9 / 4)


def test_the_jobs_own_end_is_never_refunded():
    assert one([(0.0, inf)], work_hours=0.5, billing=Billing(rule=HOUR_FREE))["refunded"] == 0.0


def test_a_short_life_is_billed_its_least():
    # .004 h used, .0167 billed; the rest is a whole course of 3 h.
    found = one([(0.0, 0.004), (1.0, inf)], billing=Billing(rule=BillingRule(least_s=60.0)))
    assert found["minimum"] == pytest.approx(1 / 60 - 0.004)
    assert found["billed"] == pytest.approx(1 / 60 + 3.0)
    assert found["wall"] == pytest.approx(4.0)


def test_a_save_on_notice_keeps_the_work_and_pays_the_window():
    # Notice at 2.0: 1.7 h of work and .1 of pause are kept, .05 h paid; .2 + .8 + .1 from 3.0 on.
    found = one([(0.0, 2.0), (3.0, inf)], notice=Notice(window_hours=0.05, saved_share=1.0))
    assert found == pytest.approx(
        hours(wall=4.1, billed=3.15, waiting=0.95, stall=0.2, restart=0.4, notice=0.05, preemptions=1)
    )


def test_a_save_on_notice_that_fails_falls_back_to_the_last_regular_one():
    found = one([(0.0, 2.0), (3.0, inf)], notice=Notice(window_hours=0.05, saved_share=0.0))
    assert (found["rerun"], found["notice"], found["wall"]) == pytest.approx((0.7, 0.05, 4.9))


def test_a_save_on_notice_of_the_last_work_ends_the_job():
    # All of 1 h is done at 1.2; the notice at 1.25 strikes the pause; the window is .05 h.
    found = one([(0.0, 1.25)], work_hours=1.0, notice=Notice(window_hours=0.05, saved_share=1.0))
    assert (found["wall"], found["billed"], found["stall"]) == pytest.approx((1.3, 1.3, 0.05))


def test_the_first_wait_and_a_late_start_are_waited_for():
    assert one([(1.5, inf)])["waiting"] == pytest.approx(1.5)
    late = one([(1.5, inf)], start_hours=1.0)
    assert (late["waiting"], late["wall"]) == pytest.approx((0.5, 3.5))


def test_a_job_without_end_is_given_up_and_said_to_be_endless():
    found = run(2.5, HOURLY, Fixed([[(0.0, 2.0)], [(0.0, inf)]]))
    assert found.finished.tolist() == [False, True]
    assert found.wall_hours[0] == found.billed_hours[0] == inf
    # A life a minute saves nothing; it is given up after so many lives, or hours.
    minutes = [(n / 60, (n + 1) / 60) for n in range(200)]
    assert one(minutes, most_lives=100)["preemptions"] == 100
    assert one(minutes, longest_hours=1.0)["wall"] == inf


def identities_hold(found: Courses, work_hours: float) -> None:
    used = work_hours + found.stall_hours + found.rerun_hours + found.restart_hours + found.notice_hours
    np.testing.assert_allclose(
        found.billed_hours, used + found.minimum_hours - found.refunded_hours, rtol=1e-9
    )
    np.testing.assert_allclose(found.wall_hours, used + found.waiting_hours, rtol=1e-9)


@pytest.mark.parametrize("billing", [Billing(rule=HOUR_FREE), Billing(rule=AT_LEAST)])
def test_hours_add_up_to_the_bill_and_to_the_wall_on_every_path(billing):
    lagging = Cadence(interval_hours=0.7, pause_hours=0.05, restart_hours=0.2, save_lag_hours=0.4)
    notice = Notice(window_hours=1 / 30, saved_share=0.5)
    found = run(13.3, lagging, Renewing(0.8, 0.5, paths=3_000), billing=billing, notice=notice)
    identities_hold(found, 13.3)
    idle = {each.name for each in fields(found) if getattr(found, each.name).max() == 0}
    assert idle == ({"minimum_hours"} if billing.rule.refund_s else {"refunded_hours"})


@pytest.mark.parametrize(
    ("interval", "pause", "hazard", "gap"),
    [(1.0, 0.05, 1 / 6, 0.5), (0.5, 0.02, 1 / 2, 1.0), (2.0, 0.1, 1 / 24, 0.0)],
)
def test_mean_and_spread_are_those_of_the_closed_forms(interval, pause, hazard, gap):
    cadence = Cadence(interval_hours=interval, pause_hours=pause, restart_hours=0.2)
    found = run(24.0, cadence, Renewing(hazard, gap, paths=60_000, seed=5), first_boot=False)
    mean, spread = expected(24.0, cadence, hazard, gap), excess(24.0, cadence, hazard, gap, gap**2)
    assert found.wall_hours.mean() == pytest.approx(float(mean.wall_hours), rel=0.005)
    assert found.billed_hours.mean() == pytest.approx(float(mean.billed_hours), rel=0.005)
    assert found.preemptions.mean() == pytest.approx(float(mean.preemptions), rel=0.015)
    assert found.wall_hours.std() == pytest.approx(float(spread.variance) ** 0.5, rel=0.015)


def test_the_slow_oracle_sees_the_same_quantiles():
    cadence = Cadence(interval_hours=1.0, pause_hours=0.05, restart_hours=0.2)
    fast = run(24.0, cadence, Renewing(0.3, 0.5, paths=40_000, seed=5), first_boot=False)
    slow = simulate(24.0, cadence, 0.3, 0.5, paths=40_000, seed=6)
    for q in (0.1, 0.5, 0.9):
        assert np.quantile(fast.wall_hours, q) == pytest.approx(np.quantile(slow.wall_hours, q), rel=0.01)


def test_the_first_boot_and_lag_may_be_struck_too():
    # The first attempt is r0 = R + U longer, and retries are as F4 has them: e^(hr) (1 - e^(-h r)) / h more.
    h, cadence = 0.4, Cadence(interval_hours=1.0, pause_hours=0.05, restart_hours=0.2, save_lag_hours=0.5)
    found = run(24.0, cadence, Renewing(h, paths=100_000, seed=2))
    more = exp(h * 0.7) * -expm1(-h * 0.7) / h
    assert found.billed_hours.mean() == pytest.approx(
        float(expected(24.0, cadence, h).billed_hours) + more, rel=0.005
    )


def test_a_long_job_with_notices_is_billed_as_the_closed_form_says():
    cadence = Cadence(interval_hours=1.0, pause_hours=0.05, restart_hours=0.1)
    for saved in (0.0, 0.9, 1.0):
        notice = Notice(window_hours=1 / 30, saved_share=saved)
        found = run(2_000.0, cadence, Renewing(1 / 6, 0.3, paths=300, seed=3), notice=notice)
        closed = notice_billed_per_useful(cadence, 1 / 6, saved, 1 / 30)
        assert found.billed_hours.mean() / 2_000.0 == pytest.approx(closed, rel=0.005)


def test_a_refund_takes_from_a_life_what_the_closed_form_says():
    found = run(
        500.0,
        HOURLY,
        Renewing(1 / 1.5, paths=500, seed=3),
        billing=Billing(rule=HOUR_FREE),
    )
    each = found.billed_hours.sum() / found.preemptions.sum()
    assert each == pytest.approx(billed_per_life_with_refund(1 / 1.5, 1.0), rel=0.01)


def test_lives_of_any_law_are_billed_as_renewal_reward_says():
    # 300 paths of back-to-back Weibull lives, shape .7: the old are safer.
    cadence = Cadence(interval_hours=0.5, pause_hours=0.03, restart_hours=0.1)
    ends = np.cumsum(3.0 * np.random.default_rng(4).weibull(0.7, (300, 600)), axis=1)
    spells = [list(zip(np.r_[0.0, path[:-1]].tolist(), path.tolist(), strict=True)) for path in ends]
    found = run(1_000.0, cadence, Fixed(spells))
    assert found.finished.all()
    closed = billed_per_useful(weibull(0.7, 3.0), cadence)
    assert found.billed_hours.mean() / 1_000.0 == pytest.approx(closed, rel=0.005)


def test_the_same_seed_gives_the_same_courses_and_twice_the_hazard_half_the_lives():
    first, again, other = (run(24.0, HOURLY, Renewing(0.3, 0.5, paths=200, seed=s)) for s in (1, 1, 2))
    assert first.wall_hours.tolist() == again.wall_hours.tolist()
    assert first.wall_hours.tolist() != other.wall_hours.tolist()
    calm, wild = (Renewing(h, paths=50, seed=1).spell(np.arange(50), np.zeros(50))[1] for h in (0.2, 0.4))
    np.testing.assert_allclose(calm, 2 * wild)


def test_a_market_says_when_capacity_comes_and_never_changes_its_mind():
    market = Renewing(1.0, 2.0, paths=400, seed=9)
    everyone = np.arange(400)
    _, lost = market.spell(everyone, np.zeros(400))
    from_hours, until = market.spell(everyone, lost)
    assert (from_hours > lost).all()
    assert (until > from_hours).all()
    again = market.spell(everyone, lost)
    assert again[0].tolist() == from_hours.tolist()
    assert (from_hours - lost).mean() == pytest.approx(2.0, rel=0.15)
    inside = market.spell(everyone, (from_hours + until) / 2)
    assert inside[0].tolist() == ((from_hours + until) / 2).tolist()
    with pytest.raises(ImpossibleInput, match="already passed"):
        market.spell(everyone, np.zeros(400))


def test_a_hazard_of_zero_is_never_lost():
    found = run(24.0, HOURLY, Renewing(0.0, paths=3))
    assert found.preemptions.tolist() == [0.0, 0.0, 0.0]


def test_uniforms_are_uniform_and_a_paths_own_whoever_else_is_asked():
    path, number = np.repeat(np.arange(500), 200), np.tile(np.arange(200), 500)
    drawn = uniforms(7, "lives", path, number).reshape(500, 200)
    assert uniforms(7, "lives", path[::-1][:5], number[::-1][:5]).tolist() == drawn.ravel()[::-1][:5].tolist()
    # 100,000 of them: the mean within 4 standard errors of 1/2, neighbours uncorrelated.
    assert drawn.mean() == pytest.approx(0.5, abs=4 / (12 * 100_000) ** 0.5)
    assert drawn.var() == pytest.approx(1 / 12, rel=0.02)
    assert abs(np.corrcoef(drawn[:, :-1].ravel(), drawn[:, 1:].ravel())[0, 1]) < 0.015
    assert abs(np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]) < 0.015
    other = uniforms(7, "gaps", np.arange(500))
    assert abs(np.corrcoef(drawn[:, 0], other)[0, 1]) < 0.2


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (lambda: Billing(rule=BillingRule(refund_s=-1.0)), "Refund is -1"),
        (lambda: Notice(window_hours=0.1, saved_share=1.5), "Share of saves in time is 1.5"),
        (lambda: Renewing(float("nan"), paths=3), "Hazard is nan"),
        (lambda: Renewing([0.1, 0.2], [1.0, 1.0, 1.0]), "do not describe 3 paths"),
        (lambda: Fixed([[(2.0, 1.0)]]), "not in order"),
        (lambda: Fixed([[(0.0, 2.0), (1.0, 3.0)]]), "not in order"),
        (lambda: run(0.0, HOURLY, Renewing(0.1, paths=3)), "Useful work is 0"),
        (lambda: run(1.0, HOURLY, Renewing(0.1, paths=3), start_hours=-1.0), "Start is -1"),
        (lambda: run(1.0, HOURLY, Renewing(0.1, paths=3), most_lives=0), "Most lives is 0"),
    ],
)
def test_impossible_inputs_are_refused_in_words(refused, words):
    with pytest.raises(ImpossibleInput, match=words) as refusal:
        refused()
    assert refusal.value.fix
