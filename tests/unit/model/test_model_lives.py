"""Lives through the hierarchy, on made-up pools whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from model.errors import ImpossibleInput, InsufficientHistory
from model.hierarchy import Part, most_probable, tree_of
from model.laws import Slopes, log_hours, lognormal, two_lognormals
from model.lives import LifeLaw, fit_lives
from model.lognormal import Components, fit_single
from model.observed import Lives
from model.watched import Place

NOTHING = np.zeros((1, 0))


def places(pools: int) -> list[Place]:
    return [Place(family="aws/v100", region=f"r{k % 3}", zone=f"z{k}", pool=f"p{k}") for k in range(pools)]


def lives(hours, pool, *, tick: float = 0.05, ended=None) -> Lives:
    hours = np.asarray(hours, dtype=float)
    ended = np.ones(hours.size, dtype=bool) if ended is None else np.asarray(ended)
    after = np.floor(hours / tick) * tick
    return Lives(
        pool_N=np.asarray(pool, dtype=np.int64),
        after_hours_N=after,
        until_hours_N=np.where(ended, after + tick, np.inf),
        began_hour_N=np.linspace(0.0, 200.0, hours.size),
        recent_NL=np.zeros((hours.size, 0)),
    )


def drawn(pools: int, each: int, *, seed: int = 1, spread: float = 0.5, scale: float = 1.2):
    """Lognormal lives: each pool's location about 0.3 with a spread."""
    rng = np.random.default_rng(seed)
    location = 0.3 + spread * rng.standard_normal(pools)
    pool = np.repeat(np.arange(pools), each)
    order = rng.permutation(pool.size)
    hours = np.exp(location[pool] + scale * rng.standard_normal(pool.size))
    return location, lives(hours[order], pool[order])


def law_of(belief, pool: int) -> LifeLaw:
    return belief.law(np.array([pool]), NOTHING)


def one_lognormal(location: float, scale: float) -> LifeLaw:
    return LifeLaw(
        Components(np.ones((1, 1)), np.full((1, 1), location), np.full((1, 1), scale), np.zeros((1, 1))), 0.0
    )


def test_an_interval_of_a_standard_lognormal():
    # ln 1 = 0 and ln e = 1: Phi(1) - Phi(0) = .841345 - .5.
    found = lognormal(np.array([0.0]), np.array([1.0]), np.zeros(1), np.zeros(1))
    assert np.exp(found.log_likelihood_N[0]) == pytest.approx(0.341345, abs=1e-6)
    running = lognormal(np.array([0.0]), np.array([np.inf]), np.zeros(1), np.zeros(1))
    assert np.exp(running.log_likelihood_N[0]) == pytest.approx(0.5)


@pytest.mark.parametrize("law", ["one", "two"])
def test_slopes_are_those_of_small_differences(law):
    after, until = log_hours(np.array([0.0, 0.5, 3.0, 40.0])), log_hours(np.array([0.1, 0.6, np.inf, 41.0]))
    at = [0.2, 0.3] if law == "one" else [-0.5, 0.4, 0.6, -0.2, 0.3]

    def value(parameters):
        rows = tuple(np.full(4, p) for p in parameters)
        return lognormal(after, until, *rows) if law == "one" else two_lognormals(after, until, rows)

    for k in range(len(at)):
        up, down = ([*at[:k], at[k] + e, *at[k + 1 :]] for e in (1e-5, -1e-5))
        numeric = (value(up).log_likelihood_N - value(down).log_likelihood_N) / 2e-5
        np.testing.assert_allclose(value(at).slope_N[k], numeric, rtol=1e-5, atol=1e-7)


def test_survival_given_age_by_hand():
    # Standard lognormal: P(life > e^1 | life > e^0) = (1 - .841345) / .5.
    law = one_lognormal(0.0, 1.0)
    assert law.survival(np.array([np.e]), 1.0)[0, 0] == pytest.approx(0.317311, abs=1e-5)
    assert law.survival(np.array([0.0]))[0, 0] == 1.0
    assert law.quantile(0.5)[0] == pytest.approx(1.0, rel=1e-9)
    assert law.quantile(0.841345)[0] == pytest.approx(np.e, rel=1e-5)


def test_an_old_instance_is_safer_than_a_new_one():
    law = one_lognormal(0.0, 1.2)
    new, old = law.survival(np.array([1.0]))[0, 0], law.survival(np.array([11.0]), 10.0)[0, 0]
    assert old > new + 0.2


def test_locations_are_found_again():
    truth, seen = drawn(8, 120)
    fitted = fit_single(tree_of(places(8)), seen, covariates=False)
    found = fitted.components(np.arange(8), np.zeros((8, 0)))
    assert np.abs(found.location_NC[:, 0] - truth).max() < 0.35  # 3 standard errors of 1.2 / sqrt(120).
    assert found.scale_NC[:, 0] == pytest.approx(np.full(8, 1.2), rel=0.15)


def test_a_pool_with_one_life_is_pulled_to_its_siblings():
    truth, seen = drawn(7, 60, spread=0.2)
    lone = lives([400.0], [7])
    both = Lives(
        pool_N=np.append(seen.pool_N, lone.pool_N),
        after_hours_N=np.append(seen.after_hours_N, lone.after_hours_N),
        until_hours_N=np.append(seen.until_hours_N, lone.until_hours_N),
        began_hour_N=np.append(seen.began_hour_N, 199.0),
        recent_NL=np.zeros((seen.count + 1, 0)),
    )
    belief = fit_lives(places(8), both)
    median = law_of(belief, 7).quantile(0.5)[0]
    assert np.exp(truth.mean()) / 2 < median < 20.0  # Far nearer to their hour than to its 400.


def test_the_eighty_percent_interval_holds_eighty_percent():
    _, seen = drawn(8, 60, seed=3)
    _, later = drawn(8, 60, seed=4)
    # Same pools: redraw lives about the same locations as the first.
    truth, _ = drawn(8, 60, seed=3)
    rng = np.random.default_rng(9)
    hours = np.exp(truth[later.pool_N] + 1.2 * rng.standard_normal(later.count))
    law = fit_lives(places(8), seen).law(later.pool_N, later.recent_NL)
    inside = (hours > law.quantile(0.1)) & (hours < law.quantile(0.9))
    assert 0.75 < inside.mean() < 0.90  # A regime may come, so somewhat above .80 where none does.


def test_flickers_and_stays_are_told_apart():
    rng = np.random.default_rng(2)
    stay = rng.uniform(size=900) < 0.4
    hours = np.exp(np.where(stay, 2.5, -1.5) + 0.5 * rng.standard_normal(900))
    law = law_of(fit_lives(places(3), lives(hours, np.arange(900) % 3)), 0)
    assert law.survival(np.array([1.0]))[0, 0] == pytest.approx(0.4, abs=0.06)
    # A lognormal of the same mean and spread of log hours (0.1, 2.02) would say .52.


def test_no_life_at_all_gives_an_answer_as_wide_as_ignorance():
    law = law_of(fit_lives(places(3), lives([], [])), 0)
    assert law.quantile(0.9)[0] / law.quantile(0.1)[0] > 1000.0


def test_lives_that_all_still_run_give_long_and_uncertain_ones():
    running = lives([5.0] * 6, [0, 0, 1, 1, 2, 2], ended=[False] * 6)
    law = law_of(fit_lives(places(3), running), 0)
    assert law.quantile(0.5)[0] > 5.0
    assert law.quantile(0.9)[0] / law.quantile(0.1)[0] > 100.0


def test_a_pool_without_a_life_is_less_sure_than_its_siblings():
    _, seen = drawn(7, 60)
    belief = fit_lives(places(8), seen)
    width = [law_of(belief, k).quantile(0.9)[0] / law_of(belief, k).quantile(0.1)[0] for k in range(8)]
    unsure = belief.law(np.arange(8), np.zeros((8, 0))).components.unsure_NC.mean(axis=1)
    assert unsure[7] > 1.5 * unsure[:7].max()
    assert width[7] > np.median(width[:7])


def test_the_order_of_pools_does_not_matter():
    _, seen = drawn(4, 40)
    turned = Lives(
        pool_N=3 - seen.pool_N,
        after_hours_N=seen.after_hours_N,
        until_hours_N=seen.until_hours_N,
        began_hour_N=seen.began_hour_N,
        recent_NL=seen.recent_NL,
    )
    a, b = fit_lives(places(4), seen), fit_lives(places(4)[::-1], turned)
    assert law_of(a, 0).quantile(0.5)[0] == pytest.approx(law_of(b, 3).quantile(0.5)[0], rel=1e-3)


def test_what_preceded_a_life_moves_it():
    rng = np.random.default_rng(6)
    recent = rng.standard_normal(600)
    seen = lives(np.exp(recent + 0.5 * rng.standard_normal(600)), np.arange(600) % 3)
    told = Lives(
        pool_N=seen.pool_N,
        after_hours_N=seen.after_hours_N,
        until_hours_N=seen.until_hours_N,
        began_hour_N=seen.began_hour_N,
        recent_NL=recent[:, None],
    )
    law = fit_lives(places(3), told).law(np.array([0, 0]), np.array([[-1.0], [1.0]]))
    short, long = law.quantile(0.5)
    assert long > 2 * short


def test_drawn_locations_scatter_by_ignorance_and_regime():
    _, seen = drawn(4, 40)
    belief = fit_lives(places(4), seen)
    law = belief.law(np.arange(4), np.zeros((4, 0)))
    scatter = law.draw_locations(20_000, np.random.default_rng(1)).std(axis=0)
    unsure = np.sqrt((law.components.share_NC * law.components.unsure_NC**2).sum(axis=1))
    np.testing.assert_allclose(scatter, np.sqrt(unsure**2 + belief.regime**2), rtol=0.03)


def test_refusals_name_what_is_wrong():
    with pytest.raises(InsufficientHistory, match="0 pools"):
        fit_lives([], lives([], []))
    with pytest.raises(ImpossibleInput, match="pool 5 of 2"):
        fit_lives(places(2), lives([1.0], [5]))
    with pytest.raises(ImpossibleInput, match="not a number"):
        lives([float("nan")], [0])


def test_where_looking_begins_does_not_change_what_is_found():
    # One maximum: from the prior and from the answer for half of the lives, the same weights.
    _, seen = drawn(4, 60)
    tree = tree_of(places(4))
    half = fit_single(tree, seen.chosen(np.arange(seen.count) % 2 == 0), covariates=False)
    cold, warm = (fit_single(tree, seen, covariates=False, start=start) for start in (None, half))
    for one, other in zip(cold.posterior.weights, warm.posterior.weights, strict=True):
        assert one == pytest.approx(other, abs=2e-3)
    assert np.diag(cold.posterior.covariance_WW) == pytest.approx(
        np.diag(warm.posterior.covariance_WW), rel=1e-2
    )


def test_the_curvature_of_a_known_bowl_is_its_own():
    # Three observations y ~ N(m, 1) and a prior of precision 2: the variance of m is 1 / (3 + 2).
    y = np.array([0.2, -0.4, 1.1])
    part = Part(np.ones((3, 1)), np.zeros(1), np.full(1, 2.0))
    found = most_probable([part], lambda p: Slopes(-0.5 * (y - p[0]) ** 2, (y - p[0],)))
    assert found.covariance_WW[0, 0] == pytest.approx(0.2, rel=1e-6)
    assert found.weights[0][0] == pytest.approx(y.sum() / 5, abs=1e-5)


def test_lives_that_all_end_within_one_tick_are_known_well():
    # Twenty lives of 4 h, looked at every ten minutes: ln 4 = 1.386, and nothing near a factor of 1.2 off.
    one = fit_single(tree_of(places(1)), lives(np.full(20, 4.05), np.zeros(20), tick=1 / 6), covariates=False)
    part = one.components(np.array([0]), NOTHING)
    assert part.location_NC[0, 0] == pytest.approx(np.log(4.05), abs=0.05)
    assert part.unsure_NC[0, 0] < 0.18


def test_nothing_seen_makes_a_weight_less_sure_than_its_prior():
    # A likelihood that bends the wrong way, by 1 a life: the prior's variance of 1 / 8 stands.
    part = Part(np.ones((3, 1)), np.zeros(1), np.full(1, 8.0))
    found = most_probable([part], lambda p: Slopes(0.5 * p[0] ** 2, (p[0],)))
    assert found.covariance_WW[0, 0] == pytest.approx(1 / 8)
