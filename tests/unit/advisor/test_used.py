"""Which shipped figures an answer lists: those it used, each with who says so and whose it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from advisor.recommend import recommend
from advisor.used import figures_used
from collector.catalog import load_catalog
from collector.tariffs import load_tariffs
from model.market import CapacityType, Evidence, PriceKind

NOW = datetime(2023, 3, 1, tzinfo=UTC)


def names(job, seen, known=(), **other):
    return {figure.name: figure for figure in figures_used(job, seen, known, load_tariffs(), **other)}


def bought(seen, capacity, provider="gcp"):
    pool = replace(seen.pool, provider=provider, capacity_type=capacity)
    return replace(seen, pool=pool, evidence=Evidence.CONTRACT)


def test_a_pool_bought_through_a_commitment_lists_its_terms(job, spot):
    flex = names(job, [bought(spot(), CapacityType.FLEX_START)])
    assert flex["commitment gcp dws flex-start"].value.startswith(
        "paid used; cancellable; not taken back; queued"
    )
    assert flex["commitment gcp dws flex-start"].unit == "terms"
    block = names(job, [bought(spot(), CapacityType.CAPACITY_BLOCK, "aws")])
    assert "ends 30 min early" in block["commitment aws capacity block"].value
    assert not [name for name in names(job, [spot()]) if name.startswith("commitment")]


def test_the_law_of_the_place_and_of_the_data_is_listed(job, spot):
    at_home = replace(job, dataset_bytes=1, data_provider="gcp", data_region="europe-west6")
    found = names(at_home, [spot("eu-west-1")])
    assert found["jurisdiction aws eu-west-1"].value == "EU/EEA"
    assert found["jurisdiction gcp europe-west6"].value == "CH"


def test_a_list_price_names_the_list_it_is_from(job, spot, on_demand):
    # The catalogue's p3.2xlarge in us-east-1 is 3.06 USD/h, and the store holds it as a list price.
    price = names(job, [spot()], [on_demand()], catalog=load_catalog())[
        "on-demand price aws us-east-1 p3.2xlarge"
    ]
    listed = load_catalog().list_price("aws", "us-east-1", "p3.2xlarge", CapacityType.ON_DEMAND)
    assert (price.value, price.source, price.as_of) == (3.06, listed.source, listed.as_of)
    assert price.confidence == listed.confidence


def test_a_recorded_on_demand_price_names_its_source_and_day(job, spot, on_demand):
    recorded = replace(
        on_demand(), price_kind=PriceKind.RECORDED, sources=("aws-on-demand",), price_age_s=2 * 86400.0
    )
    price = names(job, [spot()], [recorded], catalog=load_catalog())[
        "on-demand price aws us-east-1 p3.2xlarge"
    ]
    assert (price.source, price.as_of) == ("aws-on-demand", date(2023, 2, 27))
    assert price.confidence == "recorded by this store"


def test_an_unknown_on_demand_price_is_not_a_figure(job, spot):
    assert not [name for name in names(job, [spot(on_demand_usd_per_hour=None)]) if "on-demand price" in name]


def test_only_a_published_band_needs_its_assumptions(job, spot):
    assert not [name for name in names(job, [spot()]) if name.startswith("signals")]
    found = names(job, [spot(evidence=Evidence.PUBLISHED, borrowed_from="a band")])
    assert {name for name in found if name.startswith("signals")} == {
        f"signals {name}" for name in load_tariffs().signals
    }


@pytest.mark.parametrize(
    ("provider", "flagged"), [("aws", False), ("nebius", True), ("runpod", False), ("vast", True)]
)
def test_an_option_without_notice_says_so(job, spot, provider, flagged):
    seen = spot()
    seen = replace(seen, pool=replace(seen.pool, provider=provider))
    option = recommend(job, [seen], [], load_tariffs(), as_of=NOW, draws=200).options[0]
    assert option.no_notice is flagged
    assert any("no notice" in reason for reason in option.reasons) is flagged


def test_on_demand_needs_no_notice(job, on_demand):
    seen = on_demand()
    seen = replace(seen, pool=replace(seen.pool, provider="nebius"))
    (option,) = recommend(job, [seen], [], load_tariffs(), as_of=NOW, draws=200).options
    assert not option.no_notice
    assert timedelta(seconds=option.notice_s) == timedelta(0)
