"""The price sheet: a documented CSV for providers without a price interface."""

from __future__ import annotations

import pandas as pd
import pytest
from conformance import NOW, facts_of, trouble_of

from collector.ingest import ingest
from collector.sources.base import UnreadableSource
from collector.sources.neo_price_sheet import COLUMNS, price_sheet
from collector.store import Store

LINE = {
    "provider": "coreweave", "region": "US-EAST-04", "sku": "gd-8xh100ib-i128", "gpu_model": "H100-80GB",
    "gpu_count": "8", "gpu_memory_gib": "80", "capacity_type": "on_demand", "price_usd_per_hour": "49.24",
    "effective_on": "2026-10-01", "read_on": "2026-11-01", "source": "coreweave.com/pricing",
}  # fmt: skip


@pytest.fixture
def sheet(tmp_path):
    """Writes lines as a sheet and gives the source."""

    def build(*lines: dict[str, str], columns=COLUMNS):
        path = tmp_path / "coreweave.csv"
        rows = [",".join(columns), *(",".join(line.get(name, "") for name in columns) for line in lines)]
        path.write_text("\n".join(rows) + "\n")
        return price_sheet(path)

    return build


def test_a_line_is_a_list_price_from_its_day_on_known_since_it_was_read(sheet):
    prices = facts_of(sheet(LINE))["prices"]
    assert prices["pool_id"].tolist() == ["coreweave/US-EAST-04/-/gd-8xh100ib-i128/on_demand"]
    assert prices[["price_usd_per_hour", "kind"]].values.tolist() == [["49.24", "list"]]
    assert prices["effective_at"].tolist() == [pd.Timestamp("2026-10-01", tz="UTC")]
    assert prices["observed_at"].tolist() == [pd.Timestamp("2026-11-01", tz="UTC")]


def test_a_sheet_read_twice_adds_nothing(sheet):
    with Store.open(None, clock=lambda: NOW) as store:
        assert ingest(store, sheet(LINE)).rows_new == 1
        assert ingest(store, sheet(LINE)).rows_new == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price_usd_per_hour": "call us"}, "price is not a number"),
        ({"price_usd_per_hour": ""}, "empty price_usd_per_hour"),
        ({"capacity_type": "cheap"}, "capacity type is unknown"),
        ({"gpu_count": "eight"}, "GPUs or their memory are no whole number"),
        ({"sku": "a/b"}, "a name holds a slash"),
        ({"price_usd_per_hour": "0"}, "price is not positive"),
    ],
)
def test_a_line_that_is_no_price_is_quarantined_with_its_reason(sheet, changes, reason):
    with Store.open(None, clock=lambda: NOW) as store:
        report = ingest(store, sheet({**LINE, **changes}))
    assert (report.rows_new, report.reasons) == (0, {reason: 1})


def test_a_sheet_with_other_columns_is_refused_and_told_which(sheet):
    trouble = trouble_of(sheet(LINE, columns=COLUMNS[:-1]))
    assert isinstance(trouble, UnreadableSource)
    assert "source" in str(trouble)


def test_a_day_that_is_none_is_refused(sheet):
    assert isinstance(trouble_of(sheet({**LINE, "read_on": "last week"})), UnreadableSource)
