"""Recorded money: positive, whole to the last digit, believable beside on-demand, without silent holes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.recorded
NANO = Decimal("1e-9")
LIST = "gcp-pricing-weekly/gcp_gpu_prices_weekly_2022-02_2025-03.csv.gz"

# Spot over on-demand of the same machine and region, in force then: the most that was recorded. The
# rule that turns spot prices away is ten times the list price.
HIGHEST_SHARE = {
    "skypilot-catalog": Decimal("1"),  # p5 in Canada: no discount at all.
    "gcp-pricing-weekly": Decimal("0.714"),
    "azure-spot-snapshot": Decimal("0.275"),
    "catalog": Decimal("0.401"),
}
SHARES = """
WITH named AS (
    SELECT source_id, provider, region, sku, capacity_type, effective_at, price_usd_per_hour
    FROM price_point JOIN pool USING (pool_id)
),
on_demand AS (SELECT * FROM named WHERE capacity_type = 'on_demand')
SELECT s.source_id, max(s.price_usd_per_hour / o.price_usd_per_hour) AS share
FROM (FROM named WHERE capacity_type = 'spot') AS s
ASOF JOIN on_demand AS o
    ON o.provider = s.provider AND o.region = s.region AND o.sku = s.sku AND o.effective_at <= s.effective_at
GROUP BY s.source_id
"""


def answers(store, query: str) -> list[tuple]:
    with store.transaction() as cursor:
        return cursor.execute(query).fetchall()


def price_list(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / LIST, dtype="str", keep_default_na=False)


def test_every_stored_price_is_positive_and_below_what_any_machine_costs(recorded_store):
    ((low, high),) = answers(
        recorded_store, "SELECT min(price_usd_per_hour), max(price_usd_per_hour) FROM price_change"
    )
    assert low == Decimal("0.0233")  # A g2.2xlarge of 2015.
    assert high == Decimal("236")


def test_spot_never_cost_more_than_on_demand_in_the_same_region_but_in_the_auction_year(recorded_store):
    found = dict(answers(recorded_store, SHARES))
    assert found.keys() == HIGHEST_SHARE.keys()
    for source, share in found.items():
        assert share == pytest.approx(float(HIGHEST_SHARE[source]), abs=0.001), source
    # No on-demand price of a g2.2xlarge is recorded; it was 0.65, and the auctions went to ten times that.
    ((highest,),) = answers(
        recorded_store,
        "SELECT max(price_usd_per_hour) FROM price_point WHERE pool_id LIKE '%/g2.2xlarge/spot'",
    )
    assert highest / Decimal("0.65") == 10


def texts(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Pool, instant and price of every row of the weekly list, as text."""
    table = price_list(folder)
    for capacity in ("on_demand", "spot"):
        usd = table[f"{capacity}_usd_per_hour"]
        keys = "gcp/" + table["region"] + "/-/" + table["machine_type"] + f"/{capacity}"
        yield from zip(keys[usd != ""], table["observed_at_utc"][usd != ""], usd[usd != ""], strict=True)


def stored(store) -> Counter[tuple[str, pd.Timestamp, Decimal]]:
    """Every change and repeat of the weekly list."""
    rows = answers(
        store,
        "SELECT pool_id, effective_at::VARCHAR, price_usd_per_hour "
        "FROM (FROM price_point UNION ALL BY NAME FROM price_repeat) "
        "WHERE source_id = 'gcp-pricing-weekly'",
    )
    return Counter((key, pd.Timestamp(at), usd) for key, at, usd in rows)


def test_no_digit_of_any_price_is_lost_from_the_file_to_the_store(recorded_store, recorded_data):
    # Every text as Decimal is a stored change, a repeat or a row in quarantine. 28,746 texts have 11 to
    # 14 decimals, of a sum divided by 730 hours: those are rounded to the store's nine, half up.
    given = [(key, pd.Timestamp(at), Decimal(usd)) for key, at, usd in texts(recorded_data)]
    exact = Counter((key, at, usd.quantize(NANO, ROUND_HALF_UP)) for key, at, usd in given)
    assert exact.total() == 186_217
    assert sum(usd != usd.quantize(NANO, ROUND_HALF_UP) for _, _, usd in given) == 28_746
    kept = stored(recorded_store)
    assert kept - exact == Counter()
    assert (exact - kept).total() == 1200
    assert {key.split("/")[1] for key, _, _ in exact - kept} == {"northamerica-northeast2"}


def test_machines_without_their_gpu_are_turned_away_and_nothing_else(recorded_store, recorded_data):
    # Toronto's A2 lists lack the GPU: 0.81 USD/h for an A100 that costs 3.67 and more elsewhere.
    raw = price_list(recorded_data)
    usd = pd.to_numeric(raw["on_demand_usd_per_hour"])
    day = raw["observed_at_utc"].str[:10]
    share = usd / usd.groupby([raw["machine_type"], day]).transform("median")
    low = raw[share < 1 / 3]
    assert len(low) == 5 * 159 + 4 * 5 == 815  # Five a2-highgpu shapes for 159 weeks, four a2-ultragpu for 5.
    assert set(low["region"]) == {"northamerica-northeast2"}
    assert (low["spot_usd_per_hour"] != "").sum() == 5 * 77 == 385
    # The rule has room: nothing lies between .26 and .69 of the median.
    assert share[share < 1 / 3].max() < 0.26
    assert share[share >= 1 / 3].min() > 0.69
    kept = answers(
        recorded_store,
        "SELECT reason LIKE 'spot%', count(*) FROM quarantine "
        "WHERE source_id = 'gcp-pricing-weekly' GROUP BY ALL",
    )
    assert dict(kept) == {False: 815, True: 385}
    cheapest = answers(
        recorded_store,
        "SELECT min(price_usd_per_hour) FROM price_point WHERE pool_id LIKE 'gcp/%/a2-highgpu-1g/on_demand'",
    )
    assert cheapest[0][0] > 3


def test_every_hole_in_the_weekly_list_is_known_by_hand(recorded_data):
    # About a week apart; whatever is more than ten days apart is written down here.
    seen = pd.to_datetime(price_list(recorded_data)["observed_at_utc"].unique(), utc=True).sort_values()
    holes = {a.date().isoformat(): (b - a).days for a, b in pairwise(seen) if b - a > timedelta(days=10)}
    assert len(seen) == 196
    assert holes == {"2022-03-07": 21, "2023-07-27": 14, "2024-05-30": 14, "2024-06-27": 11, "2025-01-30": 10}


def test_no_recorded_probe_series_has_a_hole(recorded_store):
    # Traces come tick by tick; 3 x 195 s or 3 x 600 s without a tick would be counted.
    found = {q.source_id: q.gaps for q in recorded_store.quality(recorded_store.now())}
    assert sum(found.values()) == 0
    by_hand = answers(
        recorded_store,
        "SELECT count(*) FROM (SELECT holds_s, epoch(lead(effective_at) OVER (PARTITION BY source_id, "
        "pool_id, wanted ORDER BY effective_at) - effective_at) AS next_s FROM probe) "
        "WHERE next_s > 3 * holds_s",
    )
    assert by_hand == [(0,)]
