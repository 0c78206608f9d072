"""Policies replayed over HTTP: on a month of hand-made probes, with prices that changed in mid-month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from advisor.backtest_policies import mean_usd
from model.market import Pool, PriceKind, PricePoint

HERE = {
    "engine": "here", "every_hours": 96.0, "single_hours": 8.0, "single_deadlines_hours": [14.0],
    "several_hours": 8.0, "several_deadlines_hours": [12.0], "overheads_hours": [0.1],
}  # fmt: skip


def test_policies_are_replayed_on_the_stored_history(http):
    answered = http.post("/v1/backtests/policies", json=HERE)
    assert answered.status_code == 200, answered.text
    told = answered.json()
    assert (told["pools"], told["synthetic"], told["left_out"]) == (2, False, [])
    every = {(row["kind"], row["policy"]): row for row in told["scores"] if row["scope"] == "all"}
    assert len(every) == 16
    for kind in ("single", "several"):
        assert every[kind, "uniform progress"]["share_closed"] in (0.0, None)
        assert every[kind, "ours"]["cost_usd"] >= every[kind, "omniscient"]["cost_usd"]
        assert {row["missed"] for key, row in every.items() if key[0] == kind} == {0}
    # By hand: 8.1 h on demand are 49 ticks of ten minutes at 3.06 $/h.
    assert every["single", "on-demand"]["cost_usd"] == pytest.approx(49 / 6 * 3.06)
    days = {row["name"] for row in told["scores"] if row["scope"] == "day"}
    assert min(days) == "2023-02-04"  # Three days of history before the first start.
    assert http.post("/v1/backtests/policies", json=HERE).json() == told


def test_only_the_policies_asked_for_are_replayed(http):
    told = http.post("/v1/backtests/policies", json={**HERE, "policies": ["ours", "greedy"]}).json()
    assert {row["policy"] for row in told["scores"]} == {"ours", "greedy"}
    assert {row["share_closed"] for row in told["scores"]} == {None}
    refused = http.post("/v1/backtests/policies", json={**HERE, "policies": ["luck"]})
    assert refused.status_code == 422


def test_a_history_too_short_is_refused_with_the_hours_that_are_needed(http, empty, http_of):
    with http_of(empty) as other:
        answered = other.post("/v1/backtests/policies", json=HERE)
    assert answered.status_code == 409
    assert "a window needs 84 h of probes" in answered.json()["detail"]


def test_a_pool_costs_its_mean_price_over_the_record():
    # By hand: ten days at 1 $ and thirty at 2 $ are 1.75 $; what began before counts from the start.
    pool = Pool.parse("aws/us-east-1/-/p3.2xlarge/spot")
    start = datetime(2023, 1, 1, tzinfo=UTC)

    def step(days: int, usd: str) -> PricePoint:
        at = start + timedelta(days=days)
        return PricePoint(
            pool=pool, price_usd_per_hour=Decimal(usd), kind=PriceKind.RECORDED, effective_at=at,
            observed_at=at,
        )  # fmt: skip

    steps = [step(-5, "1"), step(10, "2")]
    assert mean_usd(steps, start, start + timedelta(days=40)) == pytest.approx(1.75)
    assert mean_usd([], start, start + timedelta(days=40)) is None
