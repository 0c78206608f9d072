"""Batches in no order wait for one another; what they leave is what they would have left one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from collector import held
from collector.ingest import IngestReport, ingest
from collector.sources.base import Batch, UnreadableSource
from collector.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
POOLS = ("aws/us-east-1/use1-az1/p3.2xlarge/spot", "aws/us-east-1/use1-az2/p3.2xlarge/spot")
FACTS = "FROM {table} SELECT * EXCLUDE (ingest_run_id) ORDER BY ALL"


@dataclass
class File:
    """A source that may be read ahead; it may break after its last batch."""

    given: list[Batch]
    breaks: bool = False
    source_id: str = "file"
    kind: str = "recorded"
    licence: str = ""
    note: str = ""
    origin: str = "memory"
    reads_ahead: bool = field(default=True)

    def batches(self) -> Iterator[Batch]:
        yield from self.given
        if self.breaks:
            raise UnreadableSource("The rest is torn.", fix="Fetch it again.")


def prices(hours: np.ndarray) -> pd.DataFrame:
    """An hourly price that changes every other hour."""
    when = pd.to_datetime([T0 + timedelta(hours=int(hour)) for hour in hours], utc=True)
    return pd.DataFrame(
        {"pool_id": [POOLS[hour % 3 % 2] for hour in hours], "kind": "recorded", "effective_at": when,
         "observed_at": when, "price_usd_per_hour": [str(1 + hour // 2 % 5) for hour in hours]}
    )  # fmt: skip


def mixed(hours: int, cut: int, seed: int = 0) -> list[Batch]:
    order = np.random.default_rng(seed).permutation(hours)
    return [Batch(prices=prices(order[first : first + cut])) for first in range(0, hours, cut)]


def stored(store: Store) -> list:
    with store.transaction() as cursor:
        changes = cursor.sql(FACTS.format(table="price_point")).to_arrow_table().to_pylist()
        return changes + cursor.sql("FROM price_repeat ORDER BY ALL").to_arrow_table().to_pylist()


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open(None, clock=lambda: T0 + timedelta(days=99)) as opened:
        yield opened
        assert opened.verify() == []


@pytest.mark.parametrize("held_rows", [1, 50, 10_000])
def test_rows_in_no_order_leave_the_store_that_rows_in_order_leave(
    store: Store, monkeypatch: pytest.MonkeyPatch, held_rows: int
) -> None:
    monkeypatch.setattr(held, "HELD_ROWS", held_rows)
    with Store.open(None, clock=store.now) as straight:
        ingest(straight, File([Batch(prices=prices(np.arange(120)))]))
        expected = stored(straight)

    first = ingest(store, File(mixed(120, 20)))
    again = ingest(store, File(mixed(120, 33, seed=1)))

    assert stored(store) == expected
    assert (first.rows_in, first.rows_new, first.rows_duplicate) == (120, 120, 0)
    assert (again.rows_in, again.rows_new, again.rows_duplicate) == (120, 0, 120)
    assert (again.from_at, again.until_at) == (T0, T0 + timedelta(hours=119))


def test_new_rows_among_known_ones_are_stored_and_what_is_turned_away_keeps_its_reason(store: Store) -> None:
    ingest(store, File([Batch(prices=prices(np.arange(60)))]))
    torn = pd.DataFrame({"reason": ["torn"], "content": ["{}"]})

    report = ingest(store, File([*mixed(90, 30), Batch(rejected=torn)]))

    # 60 of 90 hours are known; one row was turned away.
    assert (report.rows_in, report.rows_new, report.rows_duplicate) == (91, 30, 60)
    assert report.reasons == {"torn": 1}


def test_batches_that_wait_are_stored_before_a_trouble_is_told(store: Store) -> None:
    with pytest.raises(UnreadableSource):
        ingest(store, File(mixed(40, 10), breaks=True))

    assert len(stored(store)) == 40


def test_every_batch_is_reported_once_it_is_stored(store: Store) -> None:
    told: list[tuple[int, int]] = []

    def progress(report: IngestReport) -> None:
        told.append((report.rows_in, len(stored(store))))

    ingest(store, File(mixed(40, 10)), progress=progress)

    assert told == [(10, 10), (20, 20), (30, 30), (40, 40)]


def test_a_source_that_waits_for_its_commits_is_not_held(store: Store) -> None:
    asked: list[int] = []

    class Queue(File):
        def batches(self) -> Iterator[Batch]:
            for batch in self.given:
                yield batch
                asked.append(len(stored(store)))

    ingest(store, Queue(mixed(40, 10), reads_ahead=False))

    assert asked == [10, 20, 30, 40]
