"""What a published band lets us believe: an interval with its reasons, never a point."""

from __future__ import annotations

from datetime import UTC, datetime
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import gamma

from model.errors import ImpossibleInput, InsufficientHistory
from model.lifetime import Belief
from model.signals import (
    MOST_PREEMPTIONS,
    Assumptions,
    Bounds,
    Denominator,
    Signal,
    gamma_between,
    hazard_bounds,
    literal_bounds,
    published_belief,
    with_own_counts,
)


def test_a_month_of_five_to_ten_percent_at_its_word(signal):
    # -ln(.95) / 720 h = .0512933 / 720 = 7.1241e-5; -ln(.90) / 720 h = .1053605 / 720 = 1.46334e-4.
    found = literal_bounds(signal())
    assert found.low_per_hour == pytest.approx(7.1241e-5, rel=1e-4)
    assert found.high_per_hour == pytest.approx(1.46334e-4, rel=1e-4)


def test_a_machine_of_that_month_may_have_run_an_hour_of_it(signal):
    # The high end is of machines that ran 1 h: .1053605 / 1; of 24 h: .1053605 / 24 = 4.39002e-3.
    found = hazard_bounds(signal())
    assert found.low_per_hour == literal_bounds(signal()).low_per_hour
    assert found.high_per_hour == pytest.approx(0.1053605, rel=1e-6)
    day = hazard_bounds(signal(), Assumptions(shortest_exposure_hours=24))
    assert day.high_per_hour == pytest.approx(4.39002e-3, rel=1e-5)


def test_an_hourly_band_may_be_one_of_its_28_days(hourly):
    # At its word .0513 to .1054 per hour, a machine lost every 10 to 20 h. Low: .0512933 / 672 h.
    assert literal_bounds(hourly()) == Bounds(pytest.approx(0.0512933), pytest.approx(0.1053605))
    assert hazard_bounds(hourly()) == Bounds(pytest.approx(7.63293e-5, rel=1e-5), pytest.approx(0.1053605))


def test_a_band_from_zero_is_not_taken_from_zero(signal):
    # From half a percent: -ln(.995) / 720 = 6.96186e-6.
    found = hazard_bounds(signal(rate_low=0.0, rate_high=0.05))
    assert found.low_per_hour == pytest.approx(6.96186e-6, rel=1e-5)


def test_an_open_band_ends_where_we_say_and_may_be_told_otherwise(signal):
    # -ln(1 - .95) / 1 h = 2.995732; with an end at 50 %: .693147.
    top = signal(label=">20%", rate_low=0.20, rate_high=None)
    assert hazard_bounds(top).high_per_hour == pytest.approx(2.995732, rel=1e-6)
    edited = hazard_bounds(top, Assumptions(open_top_share=0.5))
    assert edited.high_per_hour == pytest.approx(0.693147, rel=1e-6)


def test_a_share_of_stopped_machines_is_a_hazard_only_by_their_life(stopped):
    # .25 of stops, one stop per 1 to 720 h of life: .25 / 720 to .25 / 1.
    assert hazard_bounds(stopped()) == Bounds(pytest.approx(3.47222e-4, rel=1e-5), pytest.approx(0.25))
    with pytest.raises(InsufficientHistory, match="share of stopped machines"):
        literal_bounds(stopped())
    told = hazard_bounds(stopped(), Assumptions(shortest_life_hours=10, longest_life_hours=20))
    assert told == Bounds(pytest.approx(0.0125), pytest.approx(0.025))


def test_no_preemption_among_those_that_stopped_is_not_a_hazard_of_zero(stopped):
    # Taken as up to 1 % of an unstated number: .001 / 720 to .01 / 1.
    found = hazard_bounds(stopped(rate_low=0.0, rate_high=0.0))
    assert found == Bounds(pytest.approx(1.38889e-6, rel=1e-5), pytest.approx(0.01))


def test_a_share_of_nobody_knows_what_is_no_hazard(signal):
    with pytest.raises(InsufficientHistory, match="share of unknown machines"):
        published_belief(signal(denominator=Denominator.UNKNOWN))


def test_an_impossible_share_is_refused(signal):
    with pytest.raises(ImpossibleInput, match=r"Share is 1\.5"):
        published_belief(signal(rate_high=1.5))


def test_eight_tenths_of_the_belief_lie_in_the_interval_and_a_tenth_on_either_side(signal, hourly, stopped):
    for each in (signal(), hourly(), stopped(), signal(rate_low=0.2, rate_high=None)):
        bounds, belief = hazard_bounds(each), published_belief(each)
        held = gamma(belief.shape, scale=1 / belief.rate_hours)
        assert held.cdf(bounds.low_per_hour) == pytest.approx(0.1)
        assert held.sf(bounds.high_per_hour) == pytest.approx(0.1)


def test_a_point_is_held_as_widely_as_one_and_a_half_preemptions(signal):
    # A gamma of shape 1.5 has P90 / P10 = 3.1257 / 0.29219 = 10.698, about the point's geometric mean.
    found = gamma_between(Bounds(0.01, 0.01))
    assert found.shape == pytest.approx(MOST_PREEMPTIONS)
    ratio = found.quantile_per_hour(0.9) / found.quantile_per_hour(0.1)
    assert ratio == pytest.approx(10.698, rel=1e-3)
    assert found.quantile_per_hour(0.9) == pytest.approx(0.01 * 10.698**0.5, rel=1e-3)


def test_own_preemptions_soon_outweigh_a_quiet_band(signal):
    # Of machines that ran a day or more, the band is worth .67 preemptions in 385 h; 12 in 12 h tell of
    # another pool: (.5 + 12) / (5 + 12).
    band = published_belief(signal(), Assumptions(shortest_exposure_hours=24))
    assert band.rate_hours == pytest.approx(385, abs=1)
    found = with_own_counts(band, 12, 12.0)
    assert found.mean_per_hour == pytest.approx(12.5 / 17, rel=0.01)


def test_own_silence_only_adds_its_hours(signal):
    band = published_belief(signal())
    assert with_own_counts(band, 0, 40.0) == Belief(band.shape, band.rate_hours + 40.0)


AT = datetime(2026, 1, 1, tzinfo=UTC)


@st.composite
def shares(draw) -> tuple[float, float | None]:
    low = draw(st.floats(0, 0.9))
    return low, draw(st.one_of(st.none(), st.floats(low, 0.95)))


def made(band, horizon_h=720.0, window_h=720.0, denominator=Denominator.RUNNING) -> Signal:
    return Signal(
        provider="p", region="r", zone=None, sku="s", source_id="q", what="w", label=None,
        denominator=denominator, horizon_s=horizon_h * 3600, window_s=window_h * 3600, rate_low=band[0],
        rate_high=band[1], effective_at=AT, observed_at=AT, age_s=0.0,
    )  # fmt: skip


def top(band) -> float:
    return 0.95 if band[1] is None else band[1]


kinds = st.sampled_from([Denominator.RUNNING, Denominator.STOPPED, Denominator.LAUNCHED])
hours = st.floats(1, 1000)


@st.composite
def ordered(draw) -> tuple[tuple[float, float], tuple[float, float | None]]:
    """Two bands, the second nowhere below the first; it may be open."""
    low, higher_low = sorted((draw(st.floats(0, 0.9)), draw(st.floats(0, 0.9))))
    high = draw(st.floats(low, 0.95))
    return (low, high), (higher_low, draw(st.one_of(st.none(), st.floats(max(high, higher_low), 0.95))))


@given(ordered(), hours, hours, kinds, st.floats(0.1, 0.9))
def test_a_higher_band_never_gives_a_lower_quantile(bands, horizon, window, kind, at):
    low, high = (published_belief(made(band, horizon, window, kind)) for band in bands)
    assert high.quantile_per_hour(at) >= low.quantile_per_hour(at) * (1 - 1e-6)


@given(shares(), st.floats(0, 1), st.floats(0, 1), hours, hours, kinds)
def test_a_wider_band_never_gives_a_narrower_interval(band, below, above, horizon, window, kind):
    closed = (band[0], top(band))
    wider = (closed[0] * below, closed[1] + (0.95 - closed[1]) * above)
    narrow, wide = (published_belief(made(each, horizon, window, kind)) for each in (closed, wider))
    assert ratio_of(wide) >= ratio_of(narrow) * (1 - 1e-6)


def ratio_of(belief: Belief) -> float:
    return log(belief.quantile_per_hour(0.9)) - log(belief.quantile_per_hour(0.1))


@given(shares(), hours, hours)
def test_the_same_share_of_twice_the_time_is_half_the_hazard(band, horizon, window):
    once = made(band, horizon, window)
    twice = made(band, 2 * horizon, 2 * window)
    longer = Assumptions(shortest_exposure_hours=2.0)  # Of 1 h.
    for bounds, doubled in (
        (literal_bounds(once), literal_bounds(twice)),
        (hazard_bounds(once), hazard_bounds(twice, longer)),
    ):
        assert doubled.low_per_hour == pytest.approx(bounds.low_per_hour / 2)
        assert doubled.high_per_hour == pytest.approx(bounds.high_per_hour / 2)


@given(shares(), hours, st.floats(0.1, 48))
def test_own_silence_shrinks_the_interval(band, horizon, exposed):
    before = published_belief(made(band, horizon))
    after = with_own_counts(before, 0, exposed)
    assert spread_of(after) < spread_of(before)
    assert after.quantile_per_hour(0.9) < before.quantile_per_hour(0.9)


def spread_of(belief: Belief) -> float:
    return belief.quantile_per_hour(0.9) - belief.quantile_per_hour(0.1)


@given(shares(), hours, st.integers(1, 40), st.floats(0.1, 48))
def test_own_preemptions_shrink_the_interval_as_a_factor(band, horizon, preemptions, exposed):
    before = published_belief(made(band, horizon))
    after = with_own_counts(before, preemptions, exposed)
    assert ratio_of(after) < ratio_of(before)


@given(shares(), hours, hours, kinds)
def test_the_literal_reading_lies_within_what_is_believed(band, horizon, window, kind):
    found = hazard_bounds(made(band, horizon, window, kind))
    assert 0 < found.low_per_hour <= found.high_per_hour
    if kind is Denominator.RUNNING:
        literal = literal_bounds(made(band, horizon, window))
        assert found.low_per_hour <= literal.low_per_hour <= literal.high_per_hour <= found.high_per_hour
        # Round trip: that hazard over the horizon interrupts that share.
        assert 1 - exp(-literal.high_per_hour * horizon) == pytest.approx(max(top(band), 0.01), abs=1e-9)
