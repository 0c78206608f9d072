"""What is turned away, and why; what looks odd and stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from collector.catalog import load_catalog
from collector.quality import check
from collector.sources.base import Batch

NOW = datetime(2026, 1, 31, tzinfo=UTC)
SPOT = "aws/us-east-1/use1-az1/p3.2xlarge/spot"
ON_DEMAND = "aws/us-east-1/-/p3.2xlarge/on_demand"
YESTERDAY = pd.Timestamp(NOW - timedelta(days=1))


def judged(name: str, **row) -> list[str]:
    """Reasons why one row is turned away."""
    frame = pd.DataFrame([row])
    kept, rejected = check(name, frame, Batch(), now=NOW, catalog=load_catalog())
    reasons = [] if rejected is None else rejected["reason"].tolist()
    assert len(kept) + len(reasons) == 1
    return reasons


def price(**changes) -> list[str]:
    row = {"pool_id": SPOT, "kind": "recorded", "effective_at": YESTERDAY, "observed_at": YESTERDAY}
    return judged("prices", **{**row, "price_usd_per_hour": "0.918", **changes})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price_usd_per_hour": "0"}, "price is not positive"),
        ({"price_usd_per_hour": "-0.5"}, "price is not positive"),
        ({"price_usd_per_hour": "0.0000000001"}, "price is not positive"),  # Would be stored as zero.
        ({"price_usd_per_hour": "free"}, "price is not a number"),
        ({"price_usd_per_hour": ""}, "price is not a number"),
        ({"price_usd_per_hour": "nan"}, "price is not a number"),
        ({"price_usd_per_hour": "inf"}, "price above 10000 USD per hour"),
        ({"price_usd_per_hour": "30.61"}, "spot price above 10 times on-demand"),  # On-demand is 3.06.
        ({"kind": "guess"}, "unknown kind of price"),
        ({"currency": "EUR"}, "currency is not USD"),
        ({"unit": "month"}, "unit is not an hour"),
        ({"effective_at": pd.NaT}, "no effective_at"),
        ({"observed_at": pd.Timestamp(NOW + timedelta(hours=1))}, "observed_at lies in the future"),
        (
            {"effective_at": pd.Timestamp("1970-01-01", tz="UTC")},
            "effective_at lies before there were clouds",
        ),
        # On-demand is 3.06 by list; a hundred times that is a price in cents.
        ({"pool_id": ON_DEMAND, "price_usd_per_hour": "306"}, "on-demand price above 10 times list"),
        ({"pool_id": "aws/us-east-1"}, "malformed pool key"),
        ({"pool_id": SPOT.replace("spot", "stolen")}, "malformed pool key"),
        ({"pool_id": SPOT.replace("p3.2xlarge", "p99.nano")}, "SKU is in no catalogue"),
    ],
)
def test_an_impossible_price_is_turned_away(changes, reason):
    assert price(**changes) == [reason]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"price_usd_per_hour": "3.06"},  # Equal to on-demand: the discount is gone, which is a signal.
        {"price_usd_per_hour": "30.60"},  # Ten times on-demand happened in 2015.
        {"effective_at": pd.Timestamp(NOW + timedelta(minutes=4))},  # Within the clock's skew.
        {"currency": "USD", "unit": "1 Hour"},
        # No on-demand price is known for it: the ceiling is silent.
        {"pool_id": "nebius/eu-west1/-/gpu-h200-sxm_8gpu-128vcpu-1600gb/spot", "price_usd_per_hour": "900"},
    ],
)
def test_an_odd_but_possible_price_stays(changes):
    assert price(**changes) == []


def test_every_row_is_turned_away_once_for_its_first_reason():
    assert price(price_usd_per_hour="-1", kind="guess", effective_at=pd.NaT) == ["no effective_at"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"obtainable": 2}, "impossible count of instances"),
        ({"obtainable": -1}, "impossible count of instances"),
        ({"wanted": 0, "obtainable": 0}, "probe asks for no instance"),
        ({"holds_s": 0.0}, "probe holds for no time"),
        ({"holds_s": float("nan")}, "probe holds for no time"),
        ({"holds_s": float("inf")}, "probe holds for more than a year"),
    ],
)
def test_an_impossible_probe_is_turned_away(changes, reason):
    row = {"pool_id": SPOT, "effective_at": YESTERDAY, "observed_at": YESTERDAY}
    assert judged("probes", **{**row, "wanted": 1, "obtainable": 1, "holds_s": 195.0, **changes}) == [reason]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ended_at": YESTERDAY - timedelta(hours=1)}, "tenure ends before it begins"),
        ({"end_cause": None}, "tenure ends without a cause"),
        ({"ended_at": pd.NaT}, "tenure has a cause but no end"),
        ({"end_cause": "bored"}, "unknown end cause"),
        ({"observed_at": YESTERDAY}, "tenure seen before it happened"),
        ({"instance_ref": None}, "no instance_ref"),
        ({"began_before": None}, "unknown whether it ran before"),
    ],
)
def test_an_impossible_tenure_is_turned_away(changes, reason):
    end = YESTERDAY + timedelta(hours=2)
    row = {"pool_id": SPOT, "instance_ref": "i", "began_at": YESTERDAY, "ended_at": end, "observed_at": end}
    assert judged("tenures", **{**row, "end_cause": "preempted", "began_before": False, **changes}) == [
        reason
    ]


def test_a_trace_of_an_unrecorded_place_is_counted_from_1970_and_stays():
    began = pd.Timestamp("1970-01-01T03:00:00Z")
    row = {"pool_id": "aws/unrecorded/trace:p3-trace/p3.2xlarge/spot", "instance_ref": "i", "began_at": began}
    assert (
        judged("tenures", **row, ended_at=pd.NaT, end_cause=None, observed_at=began, began_before=False) == []
    )


def test_the_quarantine_keeps_a_reject_once_with_its_content(store, give):
    for _ in range(2):
        report = give(prices=[(SPOT, YESTERDAY, YESTERDAY, "-1")])
        assert report.reasons == {"price is not positive": 1}
        assert (report.rows_in, report.rows_new, report.rows_quarantined, report.rows_duplicate) == (
            1,
            0,
            1,
            0,
        )
    with store.transaction() as cursor:
        ((reason, content),) = cursor.sql("SELECT reason, content FROM quarantine").fetchall()
    assert reason == "price is not positive"
    assert '"price_usd_per_hour":"-1"' in content
    assert store.pools(NOW) == []


def test_a_pool_of_which_every_row_was_turned_away_is_not_made_known(store, give):
    stranger = SPOT.replace("p3.2xlarge", "p99.nano")
    report = give(prices=[(SPOT, YESTERDAY, YESTERDAY, "0.918"), (stranger, YESTERDAY, YESTERDAY, "1.00")])
    assert (report.rows_new, report.reasons) == (1, {"SKU is in no catalogue": 1})
    assert [pool.key for pool, _ in store.pools(NOW)] == [SPOT]
