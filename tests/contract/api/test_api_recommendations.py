"""POST and GET /v1/recommendations: the answer is whole, stored byte for byte, and reproducible."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from advisor.serving import open_service
from collector.ingest import ingest
from collector.sources.azure_eviction import WHAT
from collector.sources.base import Batch
from collector.sources.findings import Findings
from model.market import Sku
from model.signals import Denominator

NOW = datetime(2023, 3, 1, tzinfo=UTC)
EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"


def ask(http, spec, **other):
    return http.post("/v1/recommendations", json={"spec": spec, "draws": 400, **other})


def test_an_answer_says_as_of_when_from_what_and_how_old(recommended):
    # The newest fact is the probe of 23:50, ten minutes old.
    assert recommended["as_of"] == "2023-03-01T00:00:00Z"
    assert recommended["age_s"] == 600.0
    assert recommended["sources"] == ["hand-made"]
    assert recommended["synthetic"] is False


def test_spot_ranks_before_on_demand_and_every_option_is_whole(recommended):
    pools = [option["pool_id"] for option in recommended["options"]]
    assert pools[0] == EAST
    assert {pool.rsplit("/", 1)[1] for pool in pools} == {"spot", "on_demand"}
    for option in recommended["options"]:
        assert sum(option["parts"].values()) == pytest.approx(
            option["effective_usd_per_gpu_hour"]["mean"], abs=1e-9
        )
        assert option["cost_usd"]["p10"] <= option["cost_usd"]["p50"] <= option["cost_usd"]["p90"]
        assert option["reasons"]


def test_the_hazard_is_what_the_hand_made_month_holds(recommended):
    # By hand: east goes away once a day at ten for 28 days; up 22 of 24 hours: 28 drops in 616 h.
    hazard = recommended["options"][0]["hazard"]
    assert hazard["evidence"] == "probes"
    assert hazard["preemptions"] == 28
    assert hazard["exposure_hours"] == pytest.approx(616.0)
    assert recommended["options"][0]["availability"]["share"] == pytest.approx(22 / 24)


def test_the_price_in_force_is_the_later_one(recommended):
    price = recommended["options"][0]["price"]
    assert price["usd_per_hour"] == 1.0
    assert price["label"] == "recorded price"


def test_the_stored_recommendation_is_byte_for_byte_what_was_answered(http, spec):
    answered = ask(http, spec)
    again = http.get(f"/v1/recommendations/{answered.json()['recommendation_id']}")
    assert again.status_code == 200
    assert again.content == answered.content


def test_every_option_says_how_good_its_data_is_and_how_often_it_would_be_first(recommended):
    east = recommended["options"][0]
    # By hand: 28 drops in 616 h of its own, and its one sibling as prior.
    assert (east["grade"]["events"], east["grade"]["exposure_hours"]) == (28, pytest.approx(616.0))
    assert east["grade"]["letter"] in ("A", "B")
    assert 0 <= east["grade"]["prior_share"] < 0.5
    assert east["grade"]["newest_age_s"] == 600.0
    for chance in ("p_first", "p_first_apart"):
        assert sum(option[chance] for option in recommended["options"]) == pytest.approx(1.0, abs=0.05)
    contract = next(option for option in recommended["options"] if option["capacity_type"] == "on_demand")
    assert "not taken back by contract" in contract["grade"]["words"]


def test_an_answer_says_what_would_cost_the_first_its_place(recommended):
    found = recommended["sensitivity"]
    assert found["against"] == recommended["options"][1]["pool_id"]
    assert found["method"] == "closed_form"
    levers = {lever["name"]: lever for lever in found["levers"]}
    assert set(levers) >= {"price", "preemption_rate", "gap", "pause"}
    assert levers["price"]["now"] == 1.0
    assert levers["price"]["loses_rank_1_above"] > 1.0
    assert recommended["screening"] is None


def test_a_pool_may_be_named_and_few_pools_are_all_estimated_anyway(http, spec):
    plain, named = ask(http, spec).json(), ask(http, spec, pools=[EAST]).json()
    assert named == plain
    assert ask(http, spec, pools=["x"] * 101).status_code == 422


def test_the_same_question_has_the_same_bytes(http, spec):
    assert ask(http, spec, seed=3).content == ask(http, spec, seed=3).content


def test_the_id_is_a_digest_of_the_rest_of_the_answer(http, spec):
    answer = ask(http, spec).json()
    name = answer["recommendation_id"]
    blank = json.dumps({**answer, "recommendation_id": ""}, ensure_ascii=False, separators=(",", ":"))
    assert name == "rec-" + hashlib.sha256(blank.encode()).hexdigest()[:16]


def test_another_seed_is_another_answer(http, spec):
    assert (
        ask(http, spec, seed=1).json()["recommendation_id"]
        != ask(http, spec, seed=2).json()["recommendation_id"]
    )


def test_nothing_after_as_of_is_seen(http, spec):
    # On 10 February east still cost 0.90.
    answer = ask(http, spec, as_of="2023-02-10T00:00:00Z").json()
    east = next(option for option in answer["options"] if option["pool_id"] == EAST)
    assert east["price"]["usd_per_hour"] == 0.9
    assert east["hazard"]["preemptions"] == 9


def test_a_denied_region_is_rejected_with_its_rule(http, spec):
    spec["constraints"] = {"deny_regions": ["us-east-1"]}
    rejected = ask(http, spec).json()["rejected"]
    assert {(each["pool_id"].split("/")[1], each["rule"]) for each in rejected} == {("us-east-1", "region")}


def test_a_gpu_nobody_sells_is_refused_with_what_is_sold(http, spec):
    spec["job"]["throughput"] = {"V100-17GB": 1.0}
    answered = ask(http, spec)
    assert answered.status_code == 422
    problem = answered.json()
    assert "'V100-17GB'" in problem["detail"]
    assert "Did you mean V100-16GB?" in problem["detail"]
    assert "H100-80GB" in problem["fix"]


def test_a_deadline_in_the_past_is_refused_with_both_instants(http, spec):
    del spec["job"]["deadline_hours"]
    spec["job"]["deadline_at"] = "2023-02-28T00:00:00Z"
    problem = ask(http, spec).json()
    assert problem["status"] == 422
    assert "2023-02-28 00:00 UTC lies 24.0 hours before the start 2023-03-01 00:00 UTC" in problem["detail"]


def test_two_deadlines_are_refused(http, spec):
    spec["job"]["deadline_at"] = "2023-03-28T00:00:00Z"
    assert "both deadline_hours and deadline_at" in ask(http, spec).json()["detail"]


def test_an_empty_store_is_an_honest_refusal(empty, http_of, spec):
    with http_of(empty) as http:
        answered = ask(http, spec)
    assert answered.status_code == 409
    problem = answered.json()
    assert problem["type"] == "urn:lowtide:problem:insufficient-history"
    assert "The store knows no pool" in problem["detail"]
    assert "lowtide collect" in problem["fix"]


def test_an_unknown_recommendation_is_not_found(http):
    answered = http.get("/v1/recommendations/rec-0000000000000000")
    assert answered.status_code == 404
    assert answered.headers["content-type"] == "application/problem+json"


def test_every_figure_used_is_listed_with_its_source_and_whose_it_is(http, spec):
    # Data in us-west-2: a move to us-east-1, its rate, storage, notice of spot, on-demand of both regions.
    spec["data"] = {"dataset_bytes": 500_000_000_000, "provider": "aws", "region": "us-west-2"}
    figures = {figure["name"]: figure for figure in ask(http, spec).json()["figures"]}
    assert set(figures) == {
        "egress aws us-west-2 to aws us-east-1",
        "transfer_rate",
        "storage aws",
        "notice aws",
        "on-demand price aws us-east-1 p3.2xlarge",
        "on-demand price aws us-west-2 p3.2xlarge",
    }
    for figure in figures.values():
        assert set(figure) == {"name", "value", "unit", "source", "as_of", "confidence", "own"}
        assert figure["source"]
        assert figure["confidence"]
        assert not figure["own"]
    notice, price = figures["notice aws"], figures["on-demand price aws us-east-1 p3.2xlarge"]
    assert (notice["value"], notice["unit"]) == (120.0, "s")
    assert (price["value"], price["unit"], price["source"]) == (3.06, "USD/h", "hand-made")
    assert price["confidence"] == "recorded by this store"


def test_the_law_of_the_data_and_of_the_options_is_among_the_figures(http, spec):
    spec["data"] = {"dataset_bytes": 1_000_000_000, "provider": "aws", "region": "eu-west-1"}
    answer = ask(http, spec).json()
    figures = {figure["name"]: figure for figure in answer["figures"]}
    assert figures["jurisdiction aws eu-west-1"]["value"] == "EU/EEA"
    assert "GDPR" in figures["jurisdiction aws eu-west-1"]["source"]
    assert {option["jurisdiction"] for option in answer["options"]} == {
        None
    }  # The table has none for the US.


def test_a_figure_of_the_users_own_is_used_and_marked(http_of, spec, hand_made, tmp_path):
    # 500 GB at an own 0.001 USD/GB are 0.50 USD, where the built-in 0.02 would be 10.
    own = tmp_path / "tariffs.toml"
    own.write_text(
        '[[egress]]\nprovider = "aws"\npath = "inter_region"\nvalue = 0.001\nunit = "USD/GB"\n'
        'source = "our contract"\nas_of = 2023-01-01\nconfidence = "high"\n\n'
        '[notice.aws]\nvalue = 0\nunit = "s"\nsource = "our drill"\nas_of = 2023-01-01\nconfidence = "high"\n'
    )
    spec["data"] = {"dataset_bytes": 500_000_000_000, "provider": "aws", "region": "us-west-2"}
    with open_service(None, clock=lambda: NOW, tariffs=str(own)) as service:
        ingest(service.store, hand_made)
        with http_of(service) as http:
            answer = ask(http, spec).json()
    figures = {figure["name"]: figure for figure in answer["figures"]}
    assert figures["egress aws us-west-2 to aws us-east-1"]["value"] == 0.001
    assert {name for name, figure in figures.items() if figure["own"]} == {
        "egress aws us-west-2 to aws us-east-1",
        "notice aws",
    }
    east = next(option for option in answer["options"] if option["pool_id"] == EAST)
    assert "costs $0.50 and" in " ".join(east["reasons"])
    assert (east["notice_s"], east["no_notice"]) == (0.0, True)
    assert any("no notice before a preemption" in reason for reason in east["reasons"])
    assert not any(o["no_notice"] for o in answer["options"] if o["capacity_type"] == "on_demand")


EUROPE = "azure/westeurope/-/Standard_NC6s_v3/spot"
EUROPE_OD = "azure/westeurope/-/Standard_NC6s_v3/on_demand"


class PublishedOnly:
    """A price and an eviction band of Azure's, and not one probe or tenure."""

    source_id = "azure-eviction"
    kind = "recorded"
    licence = "none"
    note = "made up for a test"
    origin = "memory"

    def batches(self) -> Iterator[Batch]:
        """Five to ten percent per hour over 28 days, two days old."""
        found = Findings(at=NOW - timedelta(days=2))
        found.price(EUROPE, Decimal("0.60"))
        found.price(EUROPE_OD, Decimal("3.06"))
        found.band(
            provider="azure", region="westeurope", sku="Standard_NC6s_v3", what=WHAT, horizon_s=3600.0,
            window_s=28 * 86_400.0, denominator=Denominator.RUNNING, label="5-10", rate_low=0.05,
            rate_high=0.10, effective_at=found.at,
        )  # fmt: skip
        sku = Sku(provider="azure", name="Standard_NC6s_v3", gpu_model="V100-16GB", gpu_count=1)
        yield replace(found.batch(), skus=(sku,))


@pytest.fixture
def azure(http_of):
    """A client of a service that knows nothing but that."""
    with open_service(None, clock=lambda: NOW) as service:
        ingest(service.store, PublishedOnly())
        with http_of(service) as http:
            yield http


def test_a_pool_with_a_published_band_alone_is_ranked_with_a_wide_interval(azure, spec):
    answer = ask(azure, spec).json()
    spot = next(option for option in answer["options"] if option["pool_id"] == EUROPE)
    hazard = spot["hazard"]
    assert hazard["evidence"] == "published"
    # By hand: -ln(.95) / 672 h to -ln(.90) / 1 h; the ratio of both is 1380.
    assert hazard["p10_per_hour"] == pytest.approx(7.6329e-5, rel=1e-4)
    assert hazard["p90_per_hour"] == pytest.approx(0.1053605, rel=1e-4)
    assert hazard["p90_per_hour"] / hazard["p10_per_hour"] == pytest.approx(1380.3, rel=1e-3)
    published = hazard["published"]
    assert (published["label"], published["denominator"], published["source"]) == (
        "5-10", "running", "azure-eviction",
    )  # fmt: skip
    assert (published["horizon_s"], published["window_s"], published["age_s"]) == (
        3600.0,
        2419200.0,
        172800.0,
    )
    told = " ".join(spot["reasons"])
    assert "published band 5-10 % of running machines per 1 h averaged over 28 d" in told
    assert "(azure-eviction, 2 d old)" in told
    assert "known within a factor of 1,380 only" in told
    assert "signals shortest_exposure_hours" in {figure["name"] for figure in answer["figures"]}
    assert "jurisdiction azure westeurope" in {figure["name"] for figure in answer["figures"]}
    assert spot["jurisdiction"] == "EU/EEA"


def test_the_market_says_what_a_published_hazard_rests_on(azure):
    (spot,) = [p for p in azure.get("/v1/pools").json()["pools"] if p["pool_id"] == EUROPE]
    assert spot["refusal"] is None
    assert spot["hazard"]["evidence"] == "published"
    assert "80 % between 7.6e-05 and 0.11 per hour" in spot["hazard"]["borrowed_from"]


def test_before_the_band_was_known_the_pool_is_refused(azure):
    earlier = {"as_of": "2023-02-26T23:00:00Z"}
    assert azure.get("/v1/pools", params=earlier).json()["pools"] == []
