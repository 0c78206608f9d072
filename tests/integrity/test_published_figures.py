"""Figures that ship or were recorded as tables: each with its source and date, cheaper as more is bought."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from collector.catalog import CATALOG, load_catalog
from collector.sources.gcp_parts import PATTERNS
from collector.tariffs import load_tariffs

TARIFFS = CATALOG.with_name("tariffs.toml")
EGRESS = "gcp-pricing-weekly/gcp_storage_and_internet_egress_2026-07-30.csv"
FIRST_CLOUD, TODAY = date(2006, 1, 1), datetime.now(UTC).date()

# Recorded as published: the first TiB costs as much as what lies beyond the tenth, the middle more.
DEARER_MIDDLE = {
    ("asia-northeast1", "worldwide"), ("asia-northeast2", "worldwide"), ("asia-northeast3", "worldwide"),
    ("asia-northeast3", "australia"), ("asia-northeast3", "china"),
}  # fmt: skip


def dated(content: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every table of a file that states a source, with its path."""
    if isinstance(content, list):
        for number, entry in enumerate(content):
            yield from dated(entry, f"{where}[{number}]")
    elif isinstance(content, dict):
        if "source" in content:
            yield where, content
        for name, entry in content.items():
            yield from dated(entry, f"{where}.{name}")


@pytest.mark.parametrize(
    ("path", "least"), [(CATALOG, 20), (TARIFFS, 60), (PATTERNS, 1)], ids=["catalog", "tariffs", "gcp"]
)
def test_every_figure_that_ships_names_its_source_and_a_day_that_has_been(path: Path, least: int):
    found = list(dated(tomllib.loads(path.read_text()), path.stem))
    assert len(found) >= least
    for where, table in found:
        assert len(table["source"]) > 10, where
        assert isinstance(table["as_of"], date), where
        assert FIRST_CLOUD < table["as_of"] <= TODAY, where


def test_every_list_price_is_positive_and_of_a_machine_of_the_catalogue():
    catalog = load_catalog()
    for price in catalog.list_prices:
        assert price.price_usd_per_hour > 0
        assert (price.provider, price.sku) in catalog.skus
        assert price.source
        assert FIRST_CLOUD < price.as_of <= TODAY


def test_spot_is_listed_below_on_demand_wherever_both_are():
    catalog = load_catalog()
    pairs = [
        (spot, catalog.highest_on_demand(spot.provider, spot.sku))
        for spot in catalog.list_prices
        if spot.capacity_type == "spot"
    ]
    assert len(pairs) == 11  # Three machines in three regions, one in one, Nebius.
    assert all(dear is not None and spot.price_usd_per_hour < dear for spot, dear in pairs)


def test_egress_of_ours_costs_less_per_gb_in_every_next_tier():
    tiered = [rule for rule in load_tariffs().egress if rule.tiers]
    assert len(tiered) >= 4
    for rule in tiered:
        prices = [rule.figure.value, *(usd for _, usd in rule.tiers)]
        assert all(a > b for a, b in pairwise(prices)), rule.conditions
        starts = [0.0, *(start for start, _ in rule.tiers)]
        assert all(a < b for a, b in pairwise(starts)), rule.conditions


@pytest.mark.recorded
def test_recorded_egress_falls_from_tier_to_tier_but_in_five_places(recorded_data):
    table = pd.read_csv(recorded_data / EGRESS, dtype={"tier_tib": "str"})
    egress = table[table["kind"] == "internet_egress"].pivot_table(
        index=["region", "class_or_destination"], columns="tier_tib", values="price"
    )
    assert egress.shape == (129, 3)  # 43 regions, three destinations.
    rising = (egress["1-10"] > egress["0-1"]) | (egress["10n"] > egress["1-10"])
    assert set(egress[rising].index) == DEARER_MIDDLE
    assert (egress["10n"] <= egress["0-1"]).all()


@pytest.mark.recorded
def test_colder_storage_is_cheaper_to_keep_and_dearer_to_read_in_every_region(recorded_data):
    table = pd.read_csv(recorded_data / EGRESS)
    kept, read = (
        table[table["kind"] == kind].pivot_table(
            index="region", columns="class_or_destination", values="price"
        )
        for kind in ("object_bucket", "object_retrieval")
    )
    for warm, cold in pairwise(["standard", "nearline", "coldline", "archiv"]):
        assert (kept[warm].dropna() > kept[cold].dropna()).all(), cold
    for warm, cold in pairwise(["nearline", "coldline", "archiv"]):
        assert (read[warm].dropna() < read[cold].dropna()).all(), cold
