"""Prices in order of series and instant, judged without the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from collector import checked
from collector.in_order import InOrder, by_number, span_of
from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store
from collector.tables import DECIMAL, INSTANT

T0 = datetime(2026, 1, 1, tzinfo=UTC)
POOL = "aws/us-east-1/use1-az1/p3.2xlarge/spot"


def at(hour: float) -> datetime:
    return T0 + timedelta(hours=hour)


def table(*rows: tuple[int, float, float, str]) -> pa.Table:
    """series_no, effective and observed in hours, price."""
    return pa.table(
        {
            "series_no": pa.array([r[0] for r in rows], pa.int32()),
            "effective_at": pa.array([at(r[1]) for r in rows], INSTANT),
            "observed_at": pa.array([at(r[2]) for r in rows], INSTANT),
            "price_usd_per_hour": pa.array([Decimal(r[3]) for r in rows], DECIMAL),
        }
    )


def eve(*rows: tuple[int, float, str]) -> pa.Table:
    """series_no, observed in hours, price of what is stored last."""
    return table(*[(series, 0, seen, price) for series, seen, price in rows]).drop_columns("effective_at")


def test_numbers_beyond_sixteen_bits_are_sorted_and_equal_ones_stay_as_they_came() -> None:
    numbers = np.random.default_rng(1).integers(0, 300_000, 50_000).astype("int32")

    assert (by_number(numbers) == np.argsort(numbers, kind="stable")).all()
    assert by_number(np.zeros(0, "int32")).tolist() == []


def test_rows_come_back_by_series_and_otherwise_as_they_came() -> None:
    given = table((2, 1, 1, "1.5"), (1, 1, 1, "2"), (2, 2, 3, "0.000000001"), (1, 5, 5, "3"))

    rows = InOrder.of(given)

    assert rows.table().to_pylist() == given.take([1, 3, 0, 2]).to_pylist()
    assert span_of(rows) == (at(1), at(5))
    assert rows.reach().to_pylist() == [
        {"series_no": 1, "low": at(1), "high": at(5)},
        {"series_no": 2, "low": at(1), "high": at(2)},
    ]


def test_a_slice_and_chunks_are_read_where_they_lie() -> None:
    whole = table(*[(1, hour, hour, str(hour + 1)) for hour in range(6)])
    pieces = pa.concat_tables([whole.slice(3, 2), whole.slice(5, 1)])

    assert InOrder.of(whole.slice(2, 3)).table().to_pylist() == whole.slice(2, 3).to_pylist()
    assert InOrder.of(pieces).table().to_pylist() == pieces.to_pylist()


@pytest.mark.parametrize(
    ("later", "in_order"),
    [
        ((1, 2, 2, "1"), True),
        ((1, 1, 2, "1"), True),
        ((1, 1, 1, "3"), True),
        ((1, 1, 1, "2"), True),
        ((1, 1, 1, "1"), False),
        ((1, 1, 0, "9"), False),
        ((1, 0, 9, "9"), False),
        ((2, 0, 0, "1"), True),
    ],
)
def test_order_is_by_effect_then_learning_then_price(later: tuple, in_order: bool) -> None:
    assert InOrder.of(table((1, 1, 1, "2"), later)).is_in_order is in_order


def test_a_row_that_stands_twice_is_left_once() -> None:
    given = table((1, 1, 1, "2"), (1, 1, 1, "2"), (1, 1, 1, "3"), (1, 2, 2, "3"), (2, 2, 2, "3"))

    assert InOrder.of(given).distinct().table().to_pylist() == given.take([0, 2, 3, 4]).to_pylist()


@pytest.mark.parametrize(
    ("rows", "before", "repeats"),
    [
        ([(1, 1, 1, "2"), (1, 2, 2, "2"), (1, 3, 3, "4")], [], [False, True, False]),
        ([(1, 1, 1, "2"), (1, 2, 2, "2")], [(1, 0, "2")], [True, True]),
        ([(1, 1, 1, "2")], [(1, 0, "3")], [False]),
        ([(1, 1, 1, "2")], [(1, 2, "2")], [False]),  # Learnt before what is stored.
        ([(1, 1, 3, "2"), (1, 2, 2, "2")], [], [False, False]),
        ([(1, 1, 1, "2"), (1, 1, 1, "3")], [(1, 0, "2")], [False, False]),  # Two of the same instants.
        ([(1, 1, 1, "2"), (2, 2, 2, "2")], [(2, 0, "2")], [False, True]),
    ],
)
def test_a_repeat_has_the_price_before_it_and_its_instants_alone(
    rows: list, before: list, repeats: list[bool]
) -> None:
    assert InOrder.of(table(*rows)).repeats(eve(*before)).tolist() == repeats


@dataclass
class Frames:
    """A source of one batch."""

    batch: Batch
    source_id: str = "frames"
    kind: str = "recorded"
    licence: str = ""
    note: str = ""
    origin: str = "memory"

    def batches(self) -> Iterator[Batch]:
        yield self.batch


def prices(hours: int) -> pd.DataFrame:
    when = pd.to_datetime([at(hour) for hour in range(hours)], utc=True)
    return pd.DataFrame(
        {"pool_id": POOL, "kind": "recorded", "effective_at": when, "observed_at": when,
         "price_usd_per_hour": [str(1 + hour // 3) for hour in range(hours)]}
    )  # fmt: skip


@pytest.mark.parametrize("as_arrow", [False, True])
def test_a_large_batch_is_written_in_parts_and_leaves_the_same_store(
    monkeypatch: pytest.MonkeyPatch, as_arrow: bool
) -> None:
    frame = prices(10)
    rejected = pd.DataFrame({"reason": ["torn"], "content": ["{}"]})
    given = pa.Table.from_pandas(frame, preserve_index=False) if as_arrow else frame
    whole, parts, told = [], [], []
    for part_rows, found in ((1_000, whole), (4, parts)):
        monkeypatch.setattr(checked, "PART_ROWS", part_rows)
        with Store.open(None, clock=lambda: at(99)) as store:
            report = ingest(
                store, Frames(Batch(prices=given, rejected=rejected)),
                progress=lambda report: told.append(report.rows_in),
            )  # fmt: skip
            found += [report.rows_in, report.rows_new, report.rows_quarantined]
            found += store.read("verify").to_pylist()
            with store.transaction() as cursor:
                found += cursor.sql("FROM price_point ORDER BY ALL").to_arrow_table().to_pylist()
                found += cursor.sql("FROM price_repeat ORDER BY ALL").to_arrow_table().to_pylist()

    assert parts == whole
    assert whole[:3] == [11, 10, 1]
    assert told == [11, 5, 9, 11]


def test_passes_hold_what_was_observed_at_once_by_series() -> None:
    rows = InOrder.of(table((2, 1, 5, "1"), (1, 3, 5, "1"), (1, 2, 4, "1")))

    assert rows.passes().to_pylist() == [
        {"observed_at": at(4), "first_at": at(2), "last_at": at(2),
         "seen": [{"series_no": 1, "effective_at": at(2)}]},
        {"observed_at": at(5), "first_at": at(1), "last_at": at(3),
         "seen": [{"series_no": 1, "effective_at": at(3)}, {"series_no": 2, "effective_at": at(1)}]},
    ]  # fmt: skip
    assert rows.rows(np.zeros(3, bool)).passes().to_pylist() == []
