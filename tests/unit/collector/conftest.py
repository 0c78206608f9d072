"""A store with a stopped clock, and a plain source to fill it with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from collector.ingest import IngestReport, ingest
from collector.sources.base import Batch
from collector.store import Store

sys.path.insert(0, str(Path(__file__).parent))  # Test folders are no packages.

NOW = datetime(2026, 1, 31, tzinfo=UTC)
Give = Callable[..., IngestReport]


@dataclass
class FakeSource:
    """Batches from memory."""

    given: list[Batch]
    source_id: str = "fake"
    kind: str = "recorded"
    licence: str = "none"
    note: str = ""
    origin: str = "memory"
    read: int = field(default=0)

    def batches(self) -> Iterator[Batch]:
        for batch in self.given:
            self.read += 1
            yield batch


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open(None, clock=lambda: NOW) as opened:
        yield opened


@pytest.fixture
def give(store: Store) -> Give:
    """Ingest prices, probes and tenures written as tuples; instants are aware datetimes.

    prices   (pool key, effective_at, observed_at, USD per hour as text)
    probes   (pool key, effective_at, wanted, obtainable), holding for `holds_s`
    tenures  (pool key, ref, began_at, ended_at or None, observed_at)
    """

    def given(
        *, prices=(), probes=(), tenures=(), source_id="fake", kind="recorded", holds_s=600.0
    ) -> IngestReport:  # fmt: skip
        batch = Batch(
            prices=price_rows(prices, kind) if prices else None,
            probes=probe_rows(probes, holds_s) if probes else None,
            tenures=tenure_rows(tenures) if tenures else None,
        )
        source_kind = kind if kind in ("recorded", "list", "synthetic") else "recorded"
        return ingest(store, FakeSource([batch], source_id=source_id, kind=source_kind))

    return given


def price_rows(prices, kind="recorded") -> pd.DataFrame:
    frame = pd.DataFrame(prices, columns=["pool_id", "effective_at", "observed_at", "price_usd_per_hour"])
    return frame.assign(
        kind=kind,
        effective_at=pd.to_datetime(frame["effective_at"], utc=True),
        observed_at=pd.to_datetime(frame["observed_at"], utc=True),
    )


def probe_rows(probes, holds_s=600.0) -> pd.DataFrame:
    frame = pd.DataFrame(probes, columns=["pool_id", "effective_at", "wanted", "obtainable"])
    at = pd.to_datetime(frame["effective_at"], utc=True)
    return frame.assign(effective_at=at, observed_at=at, holds_s=holds_s)


def tenure_rows(tenures) -> pd.DataFrame:
    frame = pd.DataFrame(tenures, columns=["pool_id", "instance_ref", "began_at", "ended_at", "observed_at"])
    for clock in ("began_at", "ended_at", "observed_at"):
        frame[clock] = pd.to_datetime(frame[clock], utc=True)
    cause = pd.Series("preempted", index=frame.index, dtype="str").where(frame["ended_at"].notna())
    return frame.assign(end_cause=cause, began_before=False)
