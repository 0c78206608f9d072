"""What of bands, scores, interruptions, offers, listings and overheads is turned away, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from signal_rows import GOOD, NOW, Given

from collector.catalog import load_catalog
from collector.ingest import ingest
from collector.quality import check
from collector.sources.base import Batch
from collector.store import Store

EPOCH = pd.Timestamp("1970-01-01", tz="UTC")
YESTERDAY = pd.Timestamp(NOW - timedelta(days=1))


def reasons(name: str, **changes: Any) -> list[str]:
    """Reasons why one row is turned away."""
    row = {**GOOD[name], "effective_at": YESTERDAY, "observed_at": YESTERDAY, **changes}
    kept, rejected = check(name, pd.DataFrame([row]), Batch(), now=NOW, catalog=load_catalog())
    found = [] if rejected is None else rejected["reason"].tolist()
    assert len(kept) + len(found) == 1
    return found


@pytest.mark.parametrize("name", GOOD)
def test_a_plain_row_stays(name):
    assert reasons(name) == []


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("bands", {"rate_low": 0.2, "rate_high": None, "label": ">20%"}),  # Open above.
        ("bands", {"rate_low": 0.0, "rate_high": 0.0, "saving": None, "window_s": 86_400.0}),
        ("scores", {"outcome": "unlisted", "score": None}),
        ("scores", {"outcome": "refused", "score": None, "refusal": "MaxConfigLimitExceeded"}),
        ("interruptions", {"sku": None, "zone": None, "notice_s": None, "action": None}),
        ("interruptions", {"action": "a word AWS adds one day"}),  # The event counts more than its word.
        ("listings", {"gpu_memory_bytes": None, "zone": None}),
        ("overheads", {"seconds": 0.0, "bytes": None}),
        ("tariffs", {"price_usd": "0", "tier": ""}),  # The first GiB may be free.
    ],
)
def test_what_is_unknown_or_open_stays(name, changes):
    assert reasons(name, **changes) == []


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("bands", {"rate_low": -0.01}, "share lies outside 0 to 1"),
        ("bands", {"rate_high": 10.0}, "share lies outside 0 to 1"),  # Percent.
        ("bands", {"rate_low": float("nan")}, "share lies outside 0 to 1"),
        ("bands", {"rate_low": 0.2, "rate_high": 0.1}, "band ends below its beginning"),
        ("bands", {"saving": 70.0}, "saving lies outside 0 to 1"),
        ("bands", {"horizon_s": 0.0}, "band holds for no time"),
        ("bands", {"horizon_s": float("inf")}, "band holds for no time"),
        ("bands", {"window_s": -1.0}, "band was averaged over no time"),
        ("bands", {"denominator": "dreaming"}, "unknown denominator"),
        ("bands", {"region": None}, "no region"),
        ("scores", {"outcome": "maybe"}, "unknown outcome"),
        ("scores", {"score": None}, "scored without a score"),
        ("scores", {"outcome": "unlisted"}, "a score that was not given"),
        ("scores", {"refusal": "busy"}, "a refusal of what was not refused"),
        ("interruptions", {"what": "hiccup"}, "unknown sort of interruption"),
        ("interruptions", {"witness": "neighbour"}, "unknown witness"),
        ("interruptions", {"notice_s": -1.0}, "notice is no time"),
        ("interruptions", {"event_id": ""}, "no event_id"),
        ("offers", {"instances": 0}, "offer of no machine"),
        ("offers", {"ends_at": pd.Timestamp(NOW)}, "offer ends before it starts"),
        ("offers", {"upfront_usd": "free"}, "fee is no positive number"),
        ("offers", {"upfront_usd": "1e12"}, "fee above 100000000 USD"),  # More than the store's column holds.
        ("offers", {"capacity_type": "promise"}, "unknown capacity type"),
        ("offers", {"starts_at": EPOCH}, "starts_at lies before there were clouds"),
        ("listings", {"gpu_count": 0}, "listing of no GPU"),
        ("listings", {"gpu_memory_bytes": 0}, "GPU without memory"),
        ("listings", {"gpu_model": ""}, "no gpu_model"),
        ("overheads", {"what": "nap"}, "unknown kind of overhead"),
        ("overheads", {"bytes": -1}, "negative bytes"),
        ("tariffs", {"price_usd": "-0.01"}, "tariff is negative"),
        ("tariffs", {"price_usd": "n/a"}, "tariff is not a number"),
    ],
)  # fmt: skip
def test_an_impossible_signal_is_turned_away(name, changes, reason):
    assert reasons(name, **changes) == [reason]


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize(
    ("clock", "said"),
    [
        (pd.Timestamp(NOW + timedelta(hours=1)), "lies in the future"),
        (pd.Timestamp("2005-12-31T23:59:59Z"), "lies before there were clouds"),
        (pd.NaT, None),
    ],
)
def test_a_clock_that_is_wrong_or_missing_turns_any_fact_away(name, clock, said):
    expected = f"observed_at {said}" if said else "no observed_at"
    assert reasons(name, observed_at=clock) == [expected]


def test_a_row_is_quarantined_once_whatever_came_with_it():
    # Beside a row without bytes a frame spells -1 as -1.0: the same reject must not be kept twice.
    bad = {**GOOD["overheads"], "bytes": -1, "effective_at": YESTERDAY, "observed_at": YESTERDAY}
    other = {**bad, "bytes": None}
    batches = [Batch(overheads=pd.DataFrame(rows)) for rows in ([bad], [bad, other], [other, bad])]
    with Store.open(None, clock=lambda: NOW) as store:
        ingest(store, Given(batches))
        with store.transaction() as cursor:
            ((content,),) = cursor.sql("SELECT content FROM quarantine").fetchall()
        assert store.verify() == []
    assert '"bytes":-1,' in content
    assert '"effective_at":"2026-01-30T00:00:00.000000Z"' in content
