"""Numbers as people read them: the unit beside the number, unknown never zero."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor import format as fmt


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (fmt.usd(1234.5), "$1,234.50"),
        (fmt.usd(Decimal("480")), "$480.00"),
        (fmt.usd(-3), "-$3.00"),
        (fmt.usd(-0.001), "-$0.00"),
        (fmt.usd(None), "–"),
        (fmt.usd_per_hour(12.345), "$12.35/h"),
        (fmt.usd_per_hour(0.918), "$0.9180/h"),
        (fmt.hours(0.0125), "45 s"),
        (fmt.hours(0.5), "30 min"),
        (fmt.hours(30.14), "30.1 h"),
        (fmt.hours(240), "10.0 d"),
        (fmt.seconds(None), "–"),
        (fmt.age(300), "5 min old"),
        (fmt.age(None), "age unknown"),
        (fmt.percent(0.6166667, 2), "61.67 %"),
        (fmt.percent(0.9999), ">99 %"),
        (fmt.percent(1.0), "100 %"),
        (fmt.percent(0.001), "<1 %"),
        (fmt.percent(0.0), "0 %"),
        (fmt.percent(-0.02), "-2 %"),
        (fmt.per_hour(0.21345), "0.213/h"),
        (fmt.count(1234567), "1,234,567"),
        (fmt.size(360e9), "360 GB"),
        (fmt.size(2e12), "2 TB"),
        (fmt.instant(datetime(2026, 1, 31, 12, tzinfo=UTC)), "2026-01-31 12:00 UTC"),
        (fmt.instant("2026-01-31T14:00:00+02:00"), "2026-01-31 12:00 UTC"),
        (fmt.spread_usd({"mean": 12.4, "p10": 11.9, "p50": 12.3, "p90": 13.6}), "$12.40 ($11.90 – $13.60)"),
        (fmt.spread_hours({"mean": 31, "p10": 27.2, "p50": 30.1, "p90": 33.9}), "30.1 h (27.2 h – 33.9 h)"),
    ],
)
def test_a_number_is_shown_with_its_unit(shown, expected):
    assert shown == expected


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_a_share_that_is_not_all_or_nothing_is_never_shown_as_such(share):
    assert fmt.percent(share) not in ("0 %", "100 %")
