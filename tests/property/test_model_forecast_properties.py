"""What must hold of lifetimes and forecasts for every input they accept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.forecast import fit_forecast
from model.laws import log_hours, lognormal
from model.lives import LifeLaw, fit_lives
from model.lognormal import Components
from model.observed import lives_of
from model.watched import Place, watch

LOCATIONS, SCALES = st.floats(-6.0, 8.0), st.floats(0.05, 4.0)
SERIES = st.lists(st.sampled_from([0.0, 1.0, float("nan")]), min_size=40, max_size=120)


def law(location, scale, other, regime):
    parts = np.array([[location, other]]), np.array([[scale, scale]])
    return LifeLaw(Components(np.array([[0.3, 0.7]]), *parts, np.array([[0.1, 0.2]])), regime)


def pool(name, up):
    place = Place(family="f", region="r", zone=name, pool=name)
    return watch(place, [1.0, *up], 0.5)


@given(LOCATIONS, SCALES, LOCATIONS, st.floats(0.0, 2.0), st.floats(0.0, 1e4))
def test_survival_starts_at_one_and_never_rises(location, scale, other, regime, reached):
    ages = reached + np.geomspace(1e-6, 1e6, 40)
    alive = law(location, scale, other, regime).survival(ages, reached)[0]
    assert (alive <= 1.0).all()
    assert (alive >= 0.0).all()
    assert (np.diff(alive) <= 1e-12).all()


@given(LOCATIONS, SCALES, LOCATIONS, st.floats(0.02, 0.98))
def test_a_quantile_is_where_survival_says(location, scale, other, share):
    one = law(location, scale, other, 0.3)
    age = one.quantile(share)
    if 1e-5 < age[0] < 1e6:
        assert one.survival(age)[0, 0] == pytest.approx(1.0 - share, abs=1e-6)


@given(st.floats(0.0, 1e5), st.floats(1e-4, 10.0), LOCATIONS, SCALES)
def test_every_life_has_a_finite_likelihood(age, tick, location, scale):
    rows = np.array([location]), np.array([np.log(scale)])
    for until in (age + tick, np.inf):
        found = lognormal(log_hours(np.array([age])), log_hours(np.array([until])), *rows)
        assert np.isfinite(found.log_likelihood_N).all()
        assert all(np.isfinite(slope).all() for slope in found.slope_N)


@settings(max_examples=25, deadline=None)
@given(SERIES, SERIES)
def test_any_history_gives_chances_between_nought_and_one(a, b):
    pools = [pool("a", a), pool("b", b)]
    chances = fit_forecast(pools, (0.5, 6.0)).chances(pools[0], pools, 2.0)
    assert ((chances > 0) & (chances < 1)).all()


@settings(max_examples=8, deadline=None)
@given(SERIES, SERIES, st.booleans())
def test_any_history_gives_lives_with_an_interval(a, b, up):
    pools = [pool("a", a), pool("b", b)]
    belief = fit_lives([p.place for p in pools], lives_of(pools, up=up))
    one = belief.law(np.array([0, 1]), np.zeros((2, 4)))
    assert (one.quantile(0.1) < one.quantile(0.9)).all()
    assert np.isfinite(one.survival(np.array([1.0, 24.0]))).all()
