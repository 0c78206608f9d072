"""Price outlooks, refunds and plans of saves: what must hold whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.billing import BillingRule, refunded_per_loss
from model.price_history import price_history
from model.price_outlook import PriceOutlook

PRICES = st.lists(st.floats(0.1, 50.0), min_size=1, max_size=12)
EVEN = (np.arange(64) + 0.5) / 64


@given(PRICES, st.floats(1.0, 2000.0))
def test_doubled_prices_double_what_is_foretold(prices, hours):
    hour = np.arange(len(prices)) * 100.0
    one, two = (
        PriceOutlook(price_history(hour, np.array(prices) * times, hour[-1] + 50.0)).draws(EVEN, hours)
        for times in (1.0, 2.0)
    )
    assert two == pytest.approx(2.0 * one, rel=1e-6)


@given(PRICES, st.floats(1.0, 2000.0))
def test_draws_rise_with_luck_and_are_prices(prices, hours):
    hour = np.arange(len(prices)) * 100.0
    drawn = PriceOutlook(price_history(hour, prices, hour[-1] + 50.0)).draws(EVEN, hours)
    assert (np.diff(drawn) >= 0).all()
    assert (drawn > 0).all()
    assert np.isfinite(drawn).all()


@given(st.floats(1e-9, 50.0), st.floats(0.0, 7200.0), st.floats(1.0, 2.0))
def test_a_refund_is_never_more_than_a_life_and_grows_with_its_rule(hazard, refund_s, longer):
    mean, variance = refunded_per_loss(hazard, BillingRule(refund_s=refund_s))
    more, _ = refunded_per_loss(hazard, BillingRule(refund_s=refund_s * longer))
    assert 0 <= mean <= 1 / hazard
    assert variance >= 0
    assert more >= mean
