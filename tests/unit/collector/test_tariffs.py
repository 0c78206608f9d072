"""Tariffs: tiers, zones, notices, commitments, and a file of one's own that is refused by line and field."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.tariffs import TARIFFS, load_tariffs
from model.errors import ImpossibleInput
from model.market import CapacityType
from model.signals import ASSUMED

GB = 1e9


def internet(gigabytes: float):
    return load_tariffs().egress_usd_per_gb("aws", "us-east-1", "gcp", "us-central1", gigabytes * GB)


def test_a_small_move_is_paid_at_the_first_tier():
    assert internet(10_000).value == 0.09
    assert "mean over" not in internet(10_000).source


def test_a_large_move_goes_through_the_tiers():
    # 10,000 GB at 0.09, 40,000 at 0.085, 50,000 at 0.07: (900 + 3,400 + 3,500) / 100,000.
    found = internet(100_000)
    assert found.value == pytest.approx(0.078)
    assert found.source.endswith("mean over the tiers of 100,000 GB in one month")
    # And 100,000 at 0.07, 50,000 at 0.05: (900 + 3,400 + 7,000 + 2,500) / 200,000.
    assert internet(200_000).value == pytest.approx(0.069)


@given(st.floats(1, 1e6), st.floats(1, 1e6))
def test_more_bytes_cost_more_and_less_for_each(some, others):
    less, more = sorted((some, others))
    assert internet(more).value <= internet(less).value + 1e-12
    assert internet(more).value * more >= internet(less).value * less - 1e-6


@pytest.mark.parametrize(
    ("route", "usd"),
    [
        (("aws", "ap-northeast-2", "aws", "us-east-1"), 0.08),
        (("aws", "ap-south-1", "aws", "us-east-1"), 0.086),
        (("aws", "sa-east-1", "aws", "us-east-1"), 0.138),
        (("aws", "ap-northeast-3", "aws", "us-east-1"), 0.098),  # Not listed: the dearest of its part.
        (("gcp", "us-central1", "gcp", "australia-southeast1"), 0.10),
        (("gcp", "us-central1", "gcp", "southamerica-east1"), 0.14),
        (("gcp", "australia-southeast1", "aws", "us-east-1"), 0.19),
        (("azure", "japaneast", "azure", "eastus"), 0.08),
        (("azure", "brazilsouth", "azure", "eastus"), 0.16),
        (("azure", "japaneast", "aws", "us-east-1"), 0.12),
        (("coreweave", "us-east-04", "aws", "us-east-1"), 0.0),
        (("cloudflare-r2", "auto", "aws", "us-east-1"), 0.0),
    ],
)
def test_egress_between_parts_of_the_world(route, usd):
    assert load_tariffs().egress_usd_per_gb(*route).value == usd


@pytest.mark.parametrize(
    ("provider", "region", "usd"),
    [("aws", "us-east-1", 0.01), ("gcp", "us-central1", 0.01), ("azure", "eastus", 0.0)],
)
def test_between_zones_of_a_region(provider, region, usd):
    found = load_tariffs().between_zones_usd_per_gb(provider, region)
    assert (found.value, found.name) == (usd, f"egress between zones {provider} {region}")


def test_a_neutral_place_for_checkpoints_costs_its_keep_alone():
    assert load_tariffs().storage_usd_per_gb_month("cloudflare-r2").value == 0.015


@pytest.mark.parametrize(
    ("provider", "seconds"),
    [("aws", 120), ("gcp", 30), ("azure", 30), ("runpod", 5), ("vast", 0), ("verda", 0), ("coreweave", 0),
     ("crusoe", 0), ("nebius", 0), ("nobody", 0)],
)  # fmt: skip
def test_a_provider_without_notice_is_flagged(provider, seconds):
    tariffs = load_tariffs()
    assert tariffs.notice_s(provider).value == seconds
    assert tariffs.notice_s(provider).name == f"notice {provider}"
    assert tariffs.no_notice(provider) == (seconds == 0)


def test_a_capacity_block_binds_and_ends_early():
    (block,) = load_tariffs().commitments_of("aws", CapacityType.CAPACITY_BLOCK)
    assert block.durations_days == (*range(1, 15), *range(21, 183, 7))
    assert (block.paid, block.cancellable, block.ends_early_s) == ("upfront", False, 1800.0)
    assert block.figure().value.startswith(
        "paid upfront; not cancellable; billed when idle; not taken back; ends 30 min early; 1 to 64 "
    )


def test_no_discount_applies_to_spot_or_to_a_capacity_block():
    discounts = [c for c in load_tariffs().commitments.values() if c.buys is None]
    assert {c.name for c in discounts} == {
        "aws compute savings plan", "aws instance savings plan", "gcp committed use", "azure reservation",
        "azure savings plan",
    }  # fmt: skip
    for each in discounts:
        assert not {CapacityType.SPOT, CapacityType.CAPACITY_BLOCK} & set(each.applies_to)
        assert each.durations_days == (365, 1095)


def test_flex_start_is_not_taken_back_for_a_week_at_most():
    (flex,) = load_tariffs().commitments_of("gcp", CapacityType.FLEX_START)
    assert (flex.preemptible, flex.durations_days[-1], flex.billed_idle) == (False, 7.0, False)
    assert "preemptible quota" in flex.statement
    assert load_tariffs().commitments_of("gcp", CapacityType.SPOT) == []


def test_what_bands_need_assumed_is_what_the_model_assumes():
    assert load_tariffs().assumed == ASSUMED


def test_every_entry_says_who_when_and_how_sure():
    def leaves(table):
        if isinstance(table, list):
            for entry in table:
                yield from leaves(entry)
        elif "source" in table:
            yield table
        else:
            for entry in table.values():
                yield from leaves(entry)

    tables = tomllib.loads(TARIFFS.read_text())
    entries = list(leaves({name: table for name, table in tables.items() if name != "areas"}))
    assert len(entries) > 60
    assert all(e["source"] and e["as_of"].year >= 2023 and e["confidence"] for e in entries)


OWN = """
[areas.mycloud]
europe = ["hall-*"]

[[egress]]
provider = "mycloud"
value = 0.03
tiers = [[1000, 0.02]]
unit = "USD/GB"
source = "our contract"
as_of = 2026-01-01
confidence = "high"

[signals.open_top_share]
value = 0.5
unit = "share"
source = "our judgement"
as_of = 2026-01-01
confidence = "low"

[[commitment]]
name = "gcp dws flex-start"
provider = "gcp"
buys = "flex_start"
applies_to = ["flex_start"]
durations_days = [0, 3]
between = true
paid = "used"
cancellable = true
billed_idle = false
preemptible = false
ends_early_s = 0
statement = "our agreement"
source = "our contract"
as_of = 2026-01-01
confidence = "high"

[[jurisdiction]]
tag = "HQ"
regime = "our policy"
policy = "ours"
aws = ["us-*"]
source = "counsel"
as_of = 2026-01-01
confidence = "high"
"""


@pytest.fixture
def own(tmp_path):
    """Write a file and read it in front of the built-in one."""

    def read(text):
        path = tmp_path / f"tariffs-{abs(hash(text))}.toml"
        path.write_text(text)
        return load_tariffs(path)

    return read


def test_ones_own_entries_come_first_and_are_marked(own):
    tariffs = own(OWN)
    egress = tariffs.egress_usd_per_gb("mycloud", "hall-1", "aws", "us-east-1", 2000 * GB)
    # 1,000 GB at 0.03 and 1,000 at 0.02.
    assert (egress.value, egress.own) == (pytest.approx(0.025), True)
    assert tariffs.area("mycloud", "hall-1") == "europe"
    assert tariffs.assumed.open_top_share == 0.5
    assert tariffs.assumed.most_age_days == 90.0
    (flex,) = tariffs.commitments_of("gcp", CapacityType.FLEX_START)
    assert (flex.durations_days[-1], flex.own, flex.figure().own) == (3.0, True, True)
    law = tariffs.jurisdiction("aws", "us-east-1")
    assert (law.tag, law.statement("aws", "us-east-1").own) == ("HQ", True)
    assert not tariffs.notice_s("aws").own


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        ('unit = "USD/GB"\n', "", "line 5 has unit = None"),
        ("value = 0.03", "value = nan", "line 5 sets egress to nan"),
        ("[[1000, 0.02]]", "[[1000, -1]]", "line 5: [[egress]] has tiers = [[1000, -1]]"),
        ("[[1000, 0.02]]", "[[1000, 0.02], [10, 0.01]]", "rising GB above 0"),
        ('provider = "mycloud"\n', 'path = "by_ship"\n', "line 5: [[egress]] has path = 'by_ship'"),
        ('europe = ["hall-*"]', "europe = 3", "line 2: [areas.mycloud]"),
        ("value = 0.5", "value = -0.5", "line 14 sets signals open_top_share to -0.5"),
        ("value = 0.5", "value = 1.0", "open_top_share is 1"),
        ("[signals.open_top_share]", "[signals.opentop]", "unknown figure signals.opentop"),
        ('buys = "flex_start"', 'buys = "luck"', "line 21: [[commitment]] has buys = 'luck'"),
        ("cancellable = true", 'cancellable = "yes"', "line 21: [[commitment]] has cancellable = 'yes'"),
        ("preemptible = false\n", "", "[[commitment]] in "),
        ("durations_days = [0, 3]", 'durations_days = ["week"]', "durations_days"),
        ('aws = ["us-*"]', "aws = 3", "[[jurisdiction]] has aws = 3"),
        ('tag = "HQ"', "tag = 3", "line 38: [[jurisdiction]] has tag = 3"),
        ('europe = ["hall-*"]', "europe = [", "is not TOML"),
    ],
)  # fmt: skip
def test_a_bad_entry_is_refused_by_line_and_field(own, was, becomes, words):
    assert was in OWN
    with pytest.raises(ImpossibleInput, match=re.escape(words)) as refusal:
        own(OWN.replace(was, becomes, 1))
    assert refusal.value.fix


def test_every_example_of_the_page_is_a_file_that_is_read(own):
    page = (Path(__file__).parents[3] / "docs" / "tariffs.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 8
    tariffs = own("\n".join(examples))
    assert tariffs.storage_usd_per_gb_month("mycloud").own
    assert tariffs.notice_s("aws").value == 60
    assert tariffs.jurisdiction("aws", "eu-central-1").tag == "EU-approved"
    assert tariffs.commitments["aws compute savings plan"].durations_days == (365.0,)
    assert tariffs.assumed.shortest_exposure_hours == 12
    # 50,000 GB at 0.05 and 50,000 at 0.04.
    egress = tariffs.egress_usd_per_gb("aws", "us-east-1", "gcp", "us-central1", 100_000 * GB)
    assert egress.value == pytest.approx(0.045)


def test_a_refund_is_known_where_it_is_documented_and_nowhere_else():
    assert load_tariffs().refund_s("aws").value == 3600
    assert "first hour" in load_tariffs().refund_s("aws").source
    for provider in ("gcp", "azure", "runpod", "nobody"):
        assert load_tariffs().refund_s(provider) is None
