"""Parts of Google's machines: the same prices whatever order the catalogue comes in."""

from __future__ import annotations

from decimal import Decimal

from conformance import NOW
from gcp_fake import A2, A3, G2, sku
from hypothesis import given
from hypothesis import strategies as st

from collector.sources.findings import Findings
from collector.sources.gcp_parts import PartPrices, load_patterns
from model.market import CapacityType

TWIN = sku("Nvidia H100 80GB GPU running in Iowa", "4.9", group="GPU")
ALL = [*G2, *A2, *A3, TWIN]


def prices_of(skus) -> dict:
    parts = PartPrices(patterns=load_patterns(), found=Findings(at=NOW))
    for one in skus:
        parts.add(one)
    return parts.prices


@given(st.permutations(ALL), st.lists(st.sampled_from(ALL), max_size=5))
def test_any_order_and_any_repetition_gives_the_same_part_prices(skus, again):
    assert prices_of([*skus, *again]) == prices_of(ALL)


def test_only_the_part_with_two_prices_has_none():
    without = [key for key, price in prices_of(ALL).items() if price is None]
    assert without == [("H100 GPU", "us-central1", CapacityType.ON_DEMAND)]


def test_units_and_nanos_are_exact():
    cents = sku("G2 Instance Core running in Iowa", "12.000000007")
    price = prices_of([cents])["G2 core", "us-central1", CapacityType.ON_DEMAND]
    assert price.usd == Decimal("12.000000007")
