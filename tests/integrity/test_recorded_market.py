"""The recorded data itself: counted again from the raw files, and held against what the store says."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from collector.collect import collect_recorded
from collector.ingest import IngestReport
from collector.store import Store
from model.market import Pool, PoolHistory, PriceKind
from model.published import by_place, published_of
from model.signals import Assumptions, literal_bounds

pytestmark = pytest.mark.recorded

NOW = datetime(2026, 11, 23, tzinfo=UTC)
FEBRUARY = datetime(2023, 2, 15, tzinfo=UTC)
TICK = timedelta(seconds=195)
FEBRUARY_END = FEBRUARY + 10_079 * TICK
WEST_2B = "aws/us-west-2/name:us-west-2b/p3.2xlarge/spot"


@pytest.fixture(scope="module")
def market(recorded_data) -> Iterator[tuple[Store, list[IngestReport]]]:
    with Store.open(None, clock=lambda: NOW) as store:
        yield store, collect_recorded(store, recorded_data)


@pytest.fixture(scope="module")
def store(market) -> Store:
    return market[0]


@pytest.fixture(scope="module")
def reports(market) -> list[IngestReport]:
    return market[1]


def histories(store: Store, as_of: datetime, days: float = 60) -> dict[str, PoolHistory]:
    found = store.pool_histories(as_of=as_of, window=timedelta(days=days))
    return {history.pool.key: history for history in found}


def traces(folder: Path, what: str) -> Iterator[tuple[Path, list[int], int]]:
    for path in sorted((folder / "spot-traces" / what).rglob("*.json")):
        content = json.loads(path.read_text())
        yield path, content["data"], content["metadata"]["gap_seconds"]


def test_every_file_is_read_and_every_row_accounted_for(recorded_data, reports):
    files = [p for p in recorded_data.rglob("*") if p.is_file() and p.name != "README.md"]
    assert len(reports) == len(files) + 1  # The last is the catalogue.
    assert [r.origin for r in reports if r.trouble] == []
    for report in reports:
        assert report.rows_in == report.rows_new + report.rows_duplicate + report.rows_quarantined
        assert report.rows_quarantined == sum(report.reasons.values())
    assert sum(r.rows_duplicate for r in reports) == 0


def test_nothing_is_wrong_with_what_was_stored(store):
    assert store.verify() == []


def test_collecting_again_adds_nothing(store, recorded_data):
    again = collect_recorded(store, recorded_data / "spot-traces")
    again += collect_recorded(store, recorded_data / "azure-spot-snapshot-2024")
    assert sum(report.rows_new for report in again) == 0


def test_us_west_2b_was_available_for_85_percent_of_545_hours_with_59_drops(store):
    seen = histories(store, FEBRUARY_END)[WEST_2B]
    # 10,079 ticks of 195 s are 545.946 h; 8,580 of them say 1.
    assert seen.probe_observed_hours == pytest.approx(545.946, abs=0.001)
    assert seen.probe_up_hours / seen.probe_observed_hours == pytest.approx(0.851, abs=0.0005)
    assert seen.probe_drops == 59
    assert seen.available_now is True


def test_every_availability_file_agrees_with_a_count_by_hand(store, recorded_data):
    october_end = datetime(2022, 10, 26, tzinfo=UTC) + 1947 * timedelta(seconds=600)
    ends = {"aws-02-15-2023": FEBRUARY_END, "aws-10-26-2022": october_end}
    sku = {"v100_1": "p3.2xlarge", "v100_8": "p3.16xlarge", "k80_1": "p2.xlarge", "k80_8": "p2.8xlarge"}
    for path, data, gap_s in traces(recorded_data, "availability"):
        zone, _, machine = path.stem.partition("_")
        pool = f"aws/{zone[:-1]}/name:{zone}/{sku[machine]}/spot"
        seen = histories(store, ends[path.parent.name])[pool]
        assert seen.probe_up_hours == pytest.approx(sum(data) * gap_s / 3600), path
        assert seen.probe_gap_hours == pytest.approx((len(data) - sum(data)) * gap_s / 3600), path
        assert seen.probe_drops == sum(a > b for a, b in pairwise(data)), path
        assert seen.probe_gaps == sum(a < b for a, b in pairwise(data)), path


def test_every_preemption_file_agrees_with_a_count_by_hand(store, recorded_data):
    sku = {"v100_1": "p3.2xlarge", "intel_64": "intel_64", "c3-88": "c3-88"}
    for path, data, gap_s in traces(recorded_data, "preemption"):
        provider, _, day = path.parent.name.partition("-")
        zone, _, machine = path.stem.partition("_")
        place = f"aws/{zone[:-1]}/name:{zone}" if provider == "aws" else f"gcp/{zone[:-2]}/{zone}"
        last = datetime.strptime(day, "%m-%d-%Y").replace(tzinfo=UTC) + timedelta(
            seconds=gap_s * (len(data) - 1)
        )
        seen = histories(store, last)[f"{place}/{sku[machine]}/spot"]
        # Every fall of the count is a preemption; the last tick has no time after it.
        assert seen.tenure_preemptions == sum(max(0, a - b) for a, b in pairwise(data)), path
        assert seen.tenure_exposure_hours == pytest.approx(sum(data[:-1]) * gap_s / 3600), path
        assert seen.probe_observed_hours == 0, path


def test_bamboos_events_have_167_preemptions_and_ten_survivors(store):
    pool = Pool.parse("aws/unrecorded/trace:p3-trace/p3.2xlarge/spot")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    lives = store.tenures(pool, from_at=epoch, until_at=epoch + timedelta(days=1), as_of=NOW)
    assert len(lives) == 177
    assert sum(life.ended_at is not None for life in lives) == 167


def test_the_future_of_a_trace_is_not_seen_from_inside_it(store, recorded_data):
    (data,) = (d for p, d, _ in traces(recorded_data, "availability") if p.match("*02-15-2023/us-west-2b*"))
    ticks = 2_000
    seen = histories(store, FEBRUARY + ticks * TICK)[WEST_2B]
    # The tick at that instant itself is seen and has not yet stood.
    assert seen.probe_up_hours == pytest.approx(sum(data[:ticks]) * 195 / 3600)
    assert seen.probe_drops == sum(a > b for a, b in pairwise(data[: ticks + 1]))
    assert store.newest_observed_at(FEBRUARY + ticks * TICK) == FEBRUARY + ticks * TICK


def test_trace_pools_take_a_list_price_that_is_said_to_be_one(store):
    seen = histories(store, FEBRUARY_END)
    zones = [h for key, h in seen.items() if "p3.2xlarge/spot" in key and "name:" in key]
    assert len(zones) == 9
    for history in zones:
        assert history.price_kind is PriceKind.LIST
        assert history.price_usd_per_hour == Decimal("0.918")
        assert history.on_demand_usd_per_hour == Decimal("3.06")
    # Where prices were recorded nine months before, and nothing since, that is what is shown.
    old = seen["aws/us-east-1/use1-az2/p3.2xlarge/spot"]
    assert (old.price_kind, old.price_observed_at.date().isoformat()) == (PriceKind.RECORDED, "2022-05-31")


def test_gcp_pools_have_recorded_prices_and_no_evidence_of_hazard(store):
    seen = histories(store, datetime(2025, 3, 28, tzinfo=UTC))
    history = seen["gcp/us-central1/-/a3-highgpu-8g/spot"]
    assert history.price_kind is PriceKind.RECORDED
    assert history.price_usd_per_hour == Decimal("20.423033644")
    assert history.price_observed_at == datetime(2025, 3, 27, 3, 57, 2, tzinfo=UTC)
    gcp = [h for h in seen.values() if h.pool.provider == "gcp" and "gcp-pricing-weekly" in h.sources]
    assert len(gcp) > 500
    assert all(h.tenure_exposure_hours == 0 and h.probe_observed_hours == 0 for h in gcp)


def test_a_blank_gcp_spot_price_gives_no_row(recorded_data, reports):
    path = recorded_data / "gcp-pricing-weekly" / "gcp_gpu_prices_weekly_2022-02_2025-03.csv.gz"
    raw = pd.read_csv(path, dtype="str", keep_default_na=False)
    blank = (raw["spot_usd_per_hour"] == "").sum()
    assert blank == 21_285
    (report,) = (r for r in reports if r.origin == str(path))
    assert report.rows_in == 2 * len(raw) - blank == 186_217


def test_products_that_hold_a_licence_fee_are_turned_away(reports):
    (report,) = (r for r in reports if r.source_id == "aws-spot-by-zone-id")
    assert report.rows_new == 238
    assert report.reasons == {
        "product is Red Hat Enterprise Linux, not Linux/UNIX": 238,
        "product is SUSE Linux, not Linux/UNIX": 238,
        "product is Windows, not Linux/UNIX": 162,
    }


def test_spot_at_the_price_of_on_demand_is_kept_as_a_signal(store):
    seen = histories(store, datetime(2022, 6, 1, tzinfo=UTC))
    assert seen["aws/us-east-1/use1-az1/p3.2xlarge/spot"].price_usd_per_hour == Decimal("3.06")
    later = histories(store, datetime(2025, 7, 2, tzinfo=UTC))
    same = later["aws/us-east-1/use1-az1/p5.48xlarge/spot"]
    assert same.price_usd_per_hour == same.on_demand_usd_per_hour == Decimal("55.04")
    assert "aws/us-west-1/usw1-az1/p5.48xlarge/spot" not in later  # Blank: not offered, never zero.


def test_the_auction_year_reached_ten_times_on_demand_and_no_more(store):
    pool = Pool.parse("aws/us-east-1/name:us-east-1a/g2.2xlarge/spot")
    year = {"from_at": datetime(2015, 1, 1, tzinfo=UTC), "until_at": datetime(2016, 1, 1, tzinfo=UTC)}
    steps = store.price_steps(pool, **year, as_of=NOW)
    # 23,459 events, of which one repeats the price before it.
    assert len(steps) == 23_458
    assert max(step.price_usd_per_hour for step in steps) == Decimal("6.5")  # On-demand was 0.65.


def test_advisor_bands_are_stored_with_their_horizon(store, recorded_data):
    raw = json.loads(
        gzip.decompress((recorded_data / "aws-spot-advisor/spot-advisor-2021-02-10.json.gz").read_bytes())
    )
    assert raw["spot_advisor"]["us-east-1"]["Linux"]["p3.2xlarge"]["r"] == 4
    with store.transaction() as cursor:
        rows = cursor.execute(
            "SELECT rate_low, rate_high, horizon_s FROM interruption_band "
            "WHERE sku = 'p3.2xlarge' AND region = 'us-east-1'"
        ).fetchall()
    assert rows == [(0.20, None, 30 * 86_400.0)]


def test_recorded_pools_lie_within_what_their_published_band_lets_us_believe(store):
    # The Advisor's bands are of February 2021, the probes of autumn 2022 and February 2023.
    old = Assumptions(most_age_days=3650)
    within, literal = [], []
    for as_of in (datetime(2022, 11, 24, tzinfo=UTC), datetime(2023, 4, 1, tzinfo=UTC)):
        signals = by_place(store.interruption_signals(as_of))
        for history in histories(store, as_of).values():
            band = published_of(history.pool, signals, old)
            if band is not None and history.probe_up_hours >= 48:
                hazard = history.probe_drops / history.probe_up_hours
                within.append(band.bounds.low_per_hour <= hazard <= band.bounds.high_per_hour)
                literal.append(hazard <= literal_bounds(band.signal).high_per_hour)
    assert (len(within), sum(within), sum(literal)) == (13, 13, 0)


def test_alibabas_cluster_is_counted_whole(store):
    with store.transaction() as cursor:
        assert cursor.sql("SELECT sum(nodes) FROM gpu_inventory").fetchall() == [(4278,)]
        assert cursor.sql("SELECT max(hour) FROM gpu_demand").fetchall() == [(4418,)]


def test_no_undated_trace_is_offered_as_a_place(store):
    for as_of in (datetime(1970, 1, 2, tzinfo=UTC), FEBRUARY_END, NOW):
        assert not [key for key in histories(store, as_of) if "unrecorded" in key]


def test_the_store_spans_2015_to_2025(store):
    first, last = store.span()
    assert (first.year, last.year) == (2015, 2025)
