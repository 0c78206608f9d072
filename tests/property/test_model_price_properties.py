"""What must hold of price forecasts, bills and commitments for every input they accept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.billing import BillingRule, billed_per_life
from model.commitments import Commitment, CommitmentKind, JobHours, priced_by_commitment
from model.interval import choose_interval
from model.interval_choice import Danger, fitting_interval
from model.job import Job, Overheads
from model.price_forecast import forecast_price
from model.price_history import price_history
from model.renewal import weibull

LEVELS = np.linspace(0.01, 0.99, 25)
STEPS = st.lists(
    st.tuples(st.floats(0.01, 2000.0), st.floats(0.01, 500.0)), min_size=1, max_size=30
)  # Hours since the last price, and the price.
HOURS = st.floats(0.1, 3000.0)


def known(steps):
    gaps, prices = zip(*steps, strict=True)
    return price_history(np.cumsum(gaps), prices, float(np.sum(gaps)) + 1.0)


@settings(max_examples=40, deadline=None)
@given(STEPS, HOURS)
def test_quantiles_are_positive_finite_and_ordered(steps, hours):
    forecast = forecast_price(known(steps), hours)
    prices = forecast.quantile(LEVELS)
    assert np.isfinite(prices).all()
    assert (prices > 0).all()
    assert (np.diff(prices) >= 0).all()
    assert forecast.quantile(0.0) <= forecast.mean_usd_per_hour * (1 + 1e-9)
    assert forecast.mean_usd_per_hour <= forecast.quantile(1.0) * (1 + 1e-9)
    assert sum(forecast.weights.values()) == pytest.approx(1.0)


@settings(max_examples=40, deadline=None)
@given(STEPS, HOURS, st.floats(1.0, 5.0))
def test_no_draw_is_above_an_on_demand_price_that_was_never_broken(steps, hours, room):
    history = known(steps)
    ceiling = float(history.price_K.max()) * room
    drawn = forecast_price(history, hours, on_demand_usd_per_hour=ceiling).draws(LEVELS)
    assert drawn.max() <= ceiling * (1 + 1e-9)


@settings(max_examples=30, deadline=None)
@given(STEPS, HOURS, st.floats(0.01, 100.0))
def test_another_currency_is_another_unit_and_nothing_else(steps, hours, rate):
    ours = forecast_price(known(steps), hours)
    theirs = forecast_price(known([(gap, price * rate) for gap, price in steps]), hours)
    asked = np.array([0.1, 0.5, 0.9])  # A step of the distribution may lie just there, so ask around it.
    assert (theirs.quantile(asked) >= rate * ours.quantile(asked - 0.02) * (1 - 1e-6)).all()
    assert (theirs.quantile(asked) <= rate * ours.quantile(asked + 0.02) * (1 + 1e-6)).all()


@settings(max_examples=30, deadline=None)
@given(STEPS, st.floats(0.1, 1000.0))
def test_the_mean_over_a_past_stretch_lies_between_its_prices(steps, hours):
    history = known(steps)
    mean = float(history.mean_price(history.hour_K[0], hours))
    assert history.price_K.min() * (1 - 1e-9) <= mean <= history.price_K.max() * (1 + 1e-9)


@settings(deadline=None)
@given(st.floats(0.4, 2.0), st.floats(0.05, 50.0), st.floats(0.0, 7200.0), st.floats(0.0, 7200.0))
def test_a_refund_never_raises_and_a_minimum_never_lowers_the_bill(shape, scale, refund, least):
    life = weibull(shape, scale)
    plain = billed_per_life(life, BillingRule())
    assert billed_per_life(life, BillingRule(refund_s=refund)) <= plain * (1 + 1e-9)
    assert billed_per_life(life, BillingRule(least_s=least)) >= plain * (1 - 1e-9)


@given(
    st.sampled_from([CommitmentKind.RESERVATION, CommitmentKind.DISCOUNT]),
    st.floats(0.1, 100.0), st.integers(1, 64), st.floats(1.0, 5000.0), st.floats(0.0, 1e5),
    st.floats(0.0, 0.99), st.integers(1, 64), st.floats(0.1, 6000.0),
)  # fmt: skip
def test_buying_never_costs_less_than_having_bought(
    kind, rate, instances, hours, upfront, used, nodes, billed
):
    offer = Commitment(
        name="x", kind=kind, usd_per_hour=rate, instances=instances, hours=hours, upfront_usd=upfront,
        used_share=used,
    )  # fmt: skip
    job = JobHours(nodes=nodes, billed_hours=billed, useful_gpu_hours=1.0)
    owned = Commitment(**{name: getattr(offer, name) for name in offer.__slots__} | {"bought": True})
    ahead, after = (priced_by_commitment(job, c, on_demand_usd_per_hour=3.0) for c in (offer, owned))
    assert after.marginal_usd <= ahead.marginal_usd
    assert after.marginal_usd + after.sunk_usd == ahead.marginal_usd  # The same money, by another name.


@settings(max_examples=30, deadline=None)
@given(st.floats(1.0, 600.0), st.floats(0.0, 900.0), st.floats(1e-3, 2.0), st.integers(1, 64))
def test_more_ways_to_save_never_bill_more(pause, lag, hazard, nodes):
    def told(**more):
        return Job(
            name="x", gpus=8, useful_hours=500.0, state_bytes=1, throughput={"any": 1.0},
            overheads=Overheads(
                pause_s=pause, save_lag_s=lag, boot_s=300.0, restore_s=60.0, warmup_s=60.0, **more
            ),
        )  # fmt: skip

    danger = Danger(hazard_per_hour=hazard, nodes=nodes)
    plain = fitting_interval(told(), danger)
    light = fitting_interval(told(light_pause_s=pause / 10, light_survives_share=0.8), danger)
    assert light.billed_per_useful <= plain.billed_per_useful * (1 + 1e-9)
    gang = hazard * (nodes * 0.1 + 0.9)
    assert plain.interval_s == pytest.approx(choose_interval(told(), gang).interval_s, rel=1e-12)
