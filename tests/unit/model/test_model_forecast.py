"""Forecasts of availability on made-up markets whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from model.errors import ImpossibleInput, InsufficientHistory
from model.forecast import fit_forecast, outcomes
from model.logit import fit_logit
from model.naive import BASELINES, markov
from model.scores import brier, calibration_error, log_loss, mean_by_day
from model.semi_markov import Chain, fit_chains
from model.watched import Place, Watched, watch

TICK_HOURS = 0.25


def place(name: str, family: str = "aws/v100") -> Place:
    return Place(family=family, region=f"r{name[0]}", zone=name, pool=name)


def market(
    pools: int = 4, days: int = 12, seed: int = 1, down: float = 0.4, up: float = 0.5
) -> list[Watched]:
    """Two-state chains: hazards per hour of losing and regaining capacity."""
    rng = np.random.default_rng(1)
    ticks = int(days * 24 / TICK_HOURS)
    turn = -np.expm1(-np.array([up, down]) * TICK_HOURS)
    found = []
    for k in range(pools):
        luck, state = rng.uniform(size=ticks), np.ones(ticks, dtype=int)
        for t in range(1, ticks):
            state[t] = state[t - 1] ^ (luck[t] < turn[state[t - 1]])
        found.append(watch(place(f"{k}a"), state.astype(float), TICK_HOURS))
    return found


@pytest.fixture(scope="module")
def memoryless():
    return market()


def scored(pools, forecast, hours):
    chances, came = [], []
    for pool in pools:
        start, up = outcomes(pool, hours)
        late = start >= pool.ticks // 2
        chances.append(forecast(pool, pools, hours)[start[late]])
        came.append(up[late])
    return np.concatenate(chances), np.concatenate(came)


def early(pools):
    return [pool.until(pool.ticks // 2) for pool in pools]


def test_on_a_memoryless_market_little_is_lost_to_the_chain_that_is_true(memoryless):
    ours, truth = fit_forecast(early(memoryless)).chances, markov(early(memoryless))
    for hours in (0.25, 1.0, 6.0):
        gap = brier(*scored(memoryless, ours, hours)).mean() - brier(*scored(memoryless, truth, hours)).mean()
        assert gap < 0.01


def test_chances_come_true_nearly_as_often_as_those_of_the_true_chain():
    pools = market(10, days=40)
    ours, truth = fit_forecast(early(pools)).chances, markov(early(pools))
    for hours in (0.25, 1.0):
        luck = calibration_error(*scored(pools, truth, hours))  # Three weeks have some.
        assert calibration_error(*scored(pools, ours, hours)) < luck + 0.02


def test_a_day_ahead_is_nearer_the_usual_than_a_quarter_of_an_hour(memoryless):
    ours = fit_forecast(early(memoryless)).chances
    pool = memoryless[0]
    near, far = (ours(pool, memoryless, hours) for hours in (0.25, 24.0))
    assert np.std(far) < np.std(near) / 2
    assert abs(far.mean() - 0.5 / 0.9) < 0.15  # The chain settles at up / (up + down).


def test_nothing_later_than_now_is_used(memoryless):
    ours = fit_forecast(early(memoryless)).chances
    cut = [pool.until(700) for pool in memoryless]
    for hours in (0.25, 24.0):
        whole = ours(memoryless[0], memoryless, hours)[:700]
        np.testing.assert_allclose(ours(cut[0], cut, hours), whole, rtol=1e-9)


def test_the_order_of_pools_does_not_matter(memoryless):
    forward, backward = fit_forecast(early(memoryless)), fit_forecast(early(memoryless)[::-1])
    a = forward.chances(memoryless[1], memoryless, 6.0)
    b = backward.chances(memoryless[1], memoryless[::-1], 6.0)
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_between_two_horizons_the_forecast_is_between_them(memoryless):
    ours = fit_forecast(early(memoryless)).chances
    one, three, six = (ours(memoryless[0], memoryless, hours) for hours in (1.0, 3.0, 6.0))
    assert (three >= np.minimum(one, six) - 1e-12).all()
    assert (three <= np.maximum(one, six) + 1e-12).all()


def test_a_strange_family_leans_on_its_own_week(memoryless):
    learned = fit_forecast(memoryless)
    assert learned.weight_of_week(3, "aws/k80") == pytest.approx(0.5)  # A day ahead, half and half.
    assert learned.weight_of_week(3, "aws/v100") < 0.5
    assert learned.weight_of_week(0, "aws/k80") == learned.weight_of_week(0, "aws/v100")


def test_a_pool_that_is_always_up_is_forecast_up_but_never_surely():
    always = [watch(place("0a"), np.ones(960), TICK_HOURS), *market(2)]
    chances = fit_forecast(always).chances(always[0], always, 6.0)
    assert 0.6 < chances[-1] < 1.0


def test_three_rows_are_refused_with_how_long_the_history_is():
    with pytest.raises(InsufficientHistory, match=r"longest history is 0\.8 h"):
        fit_forecast([watch(place("0a"), [1, 0, 1], TICK_HOURS)])


def test_horizons_without_outcomes_are_left_out():
    short = market(2, days=1)
    assert 24.0 not in fit_forecast(short).horizon_H


def test_horizons_must_rise(memoryless):
    with pytest.raises(ImpossibleInput):
        fit_forecast(memoryless, (6.0, 1.0))


def test_ticks_nobody_looked_at_are_borne(memoryless):
    rng = np.random.default_rng(4)
    seen = [rng.uniform(size=p.ticks) > 0.3 for p in memoryless]
    holes = [
        watch(p.place, np.where(s, p.up_T, np.nan), TICK_HOURS) for p, s in zip(memoryless, seen, strict=True)
    ]
    assert np.isfinite(fit_forecast(holes).chances(holes[0], holes, 1.0)).all()


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_answers_for_a_pool_it_did_not_learn_from(memoryless, name):
    forecast = BASELINES[name](early(memoryless)[1:])
    chances = forecast(memoryless[0], memoryless, 1.0)
    assert chances.shape == (memoryless[0].ticks,)
    assert ((chances >= 0) & (chances <= 1)).all()


def test_a_chain_of_one_hazard_is_the_markov_chain():
    # Hazard 0.4 down, 0.5 up per hour; in steps of 0.25 h: P(up | up) after k steps is s + (1 - s) r^k,
    # a = 1 - e^-0.1 = .09516, b = 1 - e^-0.125 = .11750, s = b / (a + b) = .55251, r = 1 - a - b = .78734.
    chain = Chain(np.array([[0.5] * 10, [0.4] * 10]))
    pool = watch(place("0a"), [1, 1, 0], TICK_HOURS)
    chances = chain.chances(pool, 1.0)
    assert chances[0] == pytest.approx(0.55251 + 0.44749 * 0.78734**4, abs=1e-4)
    assert chances[2] == pytest.approx(0.55251 * (1 - 0.78734**4), abs=1e-4)


def test_chains_find_the_hazards_of_a_memoryless_market():
    _, pooled = fit_chains(market(6, days=40))
    assert pooled.hazard_per_hour_SB[1, 4] == pytest.approx(0.4, rel=0.15)  # Losing, at ages of 1 to 2 h.
    assert pooled.hazard_per_hour_SB[0, 4] == pytest.approx(0.5, rel=0.15)


def test_a_logit_without_penalty_says_the_log_odds():
    # Of 4 rows at x = -1 one is up, of 4 at x = 1 three: log-odds -ln 3 and ln 3.
    x = np.array([[-1.0]] * 4 + [[1.0]] * 4)
    fitted = fit_logit(x, np.array([1, 0, 0, 0, 1, 1, 1, 0.0]), np.array([1e-9]))
    assert fitted.log_odds(np.array([[1.0]]))[0] == pytest.approx(np.log(3), rel=1e-4)


def test_labels_that_are_all_alike_give_a_finite_answer():
    fitted = fit_logit(np.zeros((5, 2)), np.ones(5), np.ones(2))
    assert 0.9 < fitted.chance(np.zeros((1, 2)))[0] < 1.0


def test_scores_by_hand():
    assert brier([0.8, 0.3], [1, 0]).tolist() == pytest.approx([0.04, 0.09])
    assert log_loss([0.8], [1])[0] == pytest.approx(0.22314, abs=1e-5)  # -ln .8
    # Two in the bin of .8 of which one came: |1.6 - 1| / 3; one of .1 that did not: .1 / 3.
    assert calibration_error([0.8, 0.8, 0.1], [1, 0, 0]) == pytest.approx((0.6 + 0.1) / 3)


def test_days_are_redrawn_whole():
    # Two days of 0 and 1: a redraw is 0, 1/2 or 1, however many rows a day has.
    found = mean_by_day(np.repeat([0.0, 1.0], 500), np.repeat([0, 1], 500), seed=1)
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)
