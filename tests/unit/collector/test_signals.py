"""One table for the interruption signals of all clouds, each kept as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from collector.ingest import ingest
from collector.sources.azure_eviction import HOUR_S
from collector.sources.azure_eviction import WHAT as AZURE
from collector.sources.base import Batch
from collector.sources.findings import Findings
from collector.sources.recorded_published import MONTH_S, read_advisor
from model.signals import Denominator

DAY = datetime(2026, 1, 20, tzinfo=UTC)
DAYS_S = 86_400.0


def bands(*rows: dict) -> Batch:
    found = Findings(at=DAY)
    for row in rows:
        plain = {
            "provider": "azure", "region": "eastus", "sku": "Standard_NC24ads_A100_v4", "what": AZURE,
            "horizon_s": HOUR_S, "window_s": 28 * DAYS_S, "denominator": Denominator.RUNNING, "label": "5-10",
            "rate_low": 0.05, "rate_high": 0.1, "effective_at": DAY,
        }  # fmt: skip
        found.band(**plain | row)
    return found.batch()


@pytest.fixture
def told(store, source_of):
    """Ingest bands of a source and return what the store tells as of an instant."""

    def tell(*rows, source_id="azure-eviction", as_of=DAY + timedelta(days=2), kind="recorded"):
        ingest(store, source_of(bands(*rows), source_id=source_id, kind=kind))
        return store.interruption_signals(as_of)

    return tell


@dataclass
class Memory:
    """Batches of any source."""

    given: list[Batch]
    source_id: str = "fake"
    kind: str = "recorded"
    licence: str = "none"
    note: str = ""
    origin: str = "memory"

    def batches(self) -> Iterator[Batch]:
        yield from self.given


@pytest.fixture
def source_of():
    """Make a source of batches."""
    return lambda *batches, **other: Memory(list(batches), **other)


def test_a_signal_comes_back_as_what_it_is_with_its_age(told):
    (found,) = told({})
    assert (found.denominator, found.horizon_s, found.window_s) == (Denominator.RUNNING, 3600.0, 28 * DAYS_S)
    assert (found.label, found.rate_low, found.rate_high) == ("5-10", 0.05, 0.1)
    assert (found.zone, found.source_id, found.age_s) == (None, "azure-eviction", 2 * DAYS_S)
    assert not found.synthetic


def test_the_newest_visible_of_each_place_and_source_is_told(told):
    later = DAY - timedelta(days=1)
    found = told({"effective_at": later, "label": "20+", "rate_low": 0.2, "rate_high": None}, {})
    assert [(each.label, each.effective_at) for each in found] == [("5-10", DAY)]
    zones = told({"zone": "eastus-1"}, {"region": "westus"}, source_id="another")
    assert [(each.region, each.zone, each.source_id) for each in zones] == [
        ("eastus", None, "azure-eviction"),
        ("eastus", "eastus-1", "another"),
        ("westus", None, "another"),
    ]


def test_what_was_learnt_later_was_not_known_then(told):
    assert told({}, as_of=DAY - timedelta(seconds=1)) == []


def test_a_generated_band_says_that_it_is_one(told):
    assert [each.synthetic for each in told({}, kind="synthetic")] == [True]


def test_a_band_of_a_reader_that_states_no_denominator_is_of_unknown_machines(store, source_of):
    found = Findings(at=DAY)
    found.band(provider="x", region="r", sku="s", what="w", horizon_s=1.0, rate_low=0.1, rate_high=0.2,
               effective_at=DAY)  # fmt: skip
    ingest(store, source_of(found.batch()))
    (told,) = store.interruption_signals(DAY)
    assert (told.denominator, told.window_s, told.label) == (Denominator.UNKNOWN, None, None)


def test_reading_a_band_again_adds_nothing(store, source_of):
    reports = [ingest(store, source_of(bands({}), source_id="azure-eviction")) for _ in range(2)]
    assert [(r.rows_new, r.rows_duplicate) for r in reports] == [(1, 0), (0, 1)]


def test_the_advisors_archive_states_what_its_bands_are_of(tmp_path):
    path = tmp_path / "spot-advisor-2026-01-20.json"
    path.write_text(
        '{"ranges": [{"index": 0, "label": "<5%"}, {"index": 4, "label": ">20%"}],'
        '"spot_advisor": {"us-east-1": {"Linux": {"p3.2xlarge": {"r": 4, "s": 60}}}}}'
    )
    (batch,) = read_advisor(path)
    (row,) = batch.bands.to_dict("records")
    assert (row["label"], row["denominator"], row["window_s"], row["zone"]) == (
        ">20%", "running", MONTH_S, None,
    )  # fmt: skip
