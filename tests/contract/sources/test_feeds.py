"""The registry of feeds against the same fakes as the sources: what is configured is what is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aws_fake import Answer, Failure
from aws_stage import account
from azure_fake import entra, graph, meter, retail
from conformance import NOW, SECRET
from gcp_fake import ADVICE, G2, HISTORY, LISTED, advice, capacity_advice, catalog, machine_types
from gcp_log_fake import TWICE, instances, log
from json_fake import Asked, Reply, patience, served
from neo_fake import LAMBDA, NEBIUS, gpuhunt, lambda_cloud, zipped

from collector.activity import Activity
from collector.feed_config import (
    AwsFeed,
    AzureFeed,
    BlockAsk,
    Feed,
    FeedsConfig,
    GcpFeed,
    PlacementAsk,
    cloud,
)
from collector.feed_world import World
from collector.feeds import FAMILIES, jobs
from collector.passes import PassReport, read_job
from collector.store import Store

P5 = "p5.48xlarge"
TOKEN = f"token-{SECRET}"
NOWHERE = "http://127.0.0.1:9/bands.json"
REGIONS = {"Regions": [{"RegionName": "us-east-1"}, {"RegionName": "me-central-1"}]}
CHANGE = {
    "InstanceType": P5, "ProductDescription": "Linux/UNIX", "SpotPrice": "30.5",
    "AvailabilityZoneId": "use1-az4", "Timestamp": NOW - timedelta(hours=1),
}  # fmt: skip


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open(None, clock=lambda: NOW) as opened:
        yield opened


def read(
    store: Store, name: str, feed: Feed, environ: Mapping[str, str] | None = None, **since: Any
) -> dict[str, PassReport]:
    """One pass over a feed; its reports by source."""
    world = World(
        environ=environ or {}, now=lambda: NOW, since=store.watermark,
        watched=lambda: frozenset(store.watched_pools(NOW)), asked=store.asked_scores, patience=patience(),
    )  # fmt: skip
    found: dict[str, PassReport] = {}
    for job in jobs(FeedsConfig(feeds={name: feed})):
        for report in read_job(store, job, world, activity=Activity(), **since):
            found[report.source_id] = report
    return found


def aws(asked: dict[str, Any], *, closed: str = "") -> Any:
    """An account with two regions; `closed` names one that refuses."""

    def answer(operation: str, params: dict[str, Any]) -> Answer:
        asked.setdefault(operation, []).append(params)
        if operation == "DescribeSpotPriceHistory" and closed:
            return Failure(401, "AuthFailure", "not you")
        return {
            "DescribeRegions": REGIONS,
            "DescribeInstanceTypes": {"InstanceTypes": []},
            "DescribeInstanceTypeOfferings": {"InstanceTypeOfferings": []},
            "DescribeAvailabilityZones": {"AvailabilityZones": []},
            "GetProducts": {"PriceList": []},
            "DescribeSpotPriceHistory": {"SpotPriceHistory": [CHANGE]},
            "GetSpotPlacementScores": {"SpotPlacementScores": [{"Region": "us-east-1", "Score": 7}]},
            "DescribeCapacityBlockOfferings": {"CapacityBlockOfferings": []},
            "ReceiveMessage": {},
        }[operation]

    return answer


def lambda_feed(url: str) -> Feed:
    return replace(cloud("lambda"), base_url=url)


def test_every_family_has_a_name_a_feed_and_a_stale_age_beyond_its_cadence():
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert family.stale_after_s >= 2 * family.cadence_s, family.name


def test_aws_without_regions_reads_every_region_that_the_account_may_use(store):
    asked: dict[str, Any] = {}
    with account(aws(asked)):
        found = read(store, "aws", AwsFeed(machines=(P5,), advisor_url=NOWHERE))
    assert found["aws-spot-prices/us-east-1"].outcome == "ok"
    assert found["aws-spot-prices/me-central-1"].outcome == "ok"
    assert found["aws-types/us-east-1"].outcome == "ok"
    assert found["aws-on-demand/us-east-1"].outcome == "ok"
    assert found["aws-spot-advisor-live"].outcome == "unavailable"  # And the others went on.
    assert {tuple(params["InstanceTypes"]) for params in asked["DescribeSpotPriceHistory"]} == {(P5,)}


def test_the_next_pass_goes_on_from_the_watermark_and_since_goes_back(store):
    asked: dict[str, Any] = {}
    feed = AwsFeed(regions=("us-east-1",), machines=(P5,), advisor_url=NOWHERE)
    with account(aws(asked)):
        read(store, "aws", feed)
        read(store, "aws", feed)
        read(store, "aws", feed, since=NOW - timedelta(days=20))
    starts = [params["StartTime"] for params in asked["DescribeSpotPriceHistory"]]
    # First all 90 days; then the newest change (11:00 if now is 12:00) less 2 h; then as asked, less 2 h.
    hours = [round((NOW - start) / timedelta(hours=1)) for start in starts]
    assert hours == [90 * 24, 3, 20 * 24 + 2]


def test_a_refused_account_is_on_record_for_every_source(store):
    with account(aws({}, closed="all")):
        found = read(store, "aws", AwsFeed(regions=("us-east-1",), machines=(P5,), advisor_url=NOWHERE))
    assert found["aws-spot-prices/us-east-1"].outcome == "skipped"
    assert "AuthFailure" in (found["aws-spot-prices/us-east-1"].trouble or "")
    assert found["aws-types/us-east-1"].outcome == "ok"


def test_questions_and_queues_of_aws_are_asked_where_they_are_configured(store):
    ask = PlacementAsk(
        machines=(P5, "p4d.24xlarge", "p5e.48xlarge"), regions=("us-east-1",), instances=8, by_zone=False
    )
    asked: dict[str, Any] = {}
    with account(aws(asked)) as (_, fake):
        found = read(
            store, "aws",
            AwsFeed(
                regions=("us-east-1",), machines=(P5,), placement=(ask,), queues=(f"{fake.address}/1/queue",),
                capacity_blocks=(BlockAsk(machine=P5, instances=2, hours=24, regions=("us-east-1",)),),
                advisor_url=NOWHERE,
            ),
        )  # fmt: skip
    assert found["aws-placement-scores"].rows_new == 1
    assert found["aws-events/queue"].outcome == "ok"
    assert found["aws-capacity-blocks/us-east-1"].outcome == "ok"
    (block,) = asked["DescribeCapacityBlockOfferings"]
    assert (block["StartDateRange"], block["EndDateRange"]) == (NOW, NOW + timedelta(days=28))
    assert store.asked_scores("aws-placement-scores", "not sent")


def test_google_is_read_with_a_named_key_and_its_history_with_a_project(store):
    with served(catalog(G2)) as prices, served(compute) as history:
        feed = GcpFeed(
            project="project-1", machines=("a3-highgpu-8g",), locations=("us-central1",),
            catalog_url=prices.url, compute_url=history.url,
        )  # fmt: skip
        found = read(store, "gcp", feed, {"GOOGLE_API_KEY": SECRET})
        without = read(store, "gcp", replace(feed, project=None), {"GOOGLE_API_KEY": SECRET})
    assert (found["gcp-catalog"].outcome, found["gcp-capacity-history"].outcome) == ("ok", "ok")
    assert list(without) == ["gcp-catalog"]


def compute(asked: Asked) -> Reply:
    """Google's Compute API: machines, advice, history, and an instance that still exists."""
    if "/aggregated/" in asked.path:
        return machine_types(LISTED)(asked)
    if asked.path.endswith("/advice/capacity"):
        return capacity_advice(ADVICE)(asked)
    if asked.path.endswith("/advice/capacityHistory"):
        return advice(HISTORY)(asked)
    return instances({"184448819": "a3-highgpu-8g"})(asked)


def test_google_is_asked_for_machines_advice_and_preemptions_where_a_project_is_named(store):
    ask = PlacementAsk(machines=("a3-highgpu-8g",), regions=("us-central1",), instances=2)
    with served(compute) as machines, served(log(TWICE)) as logged, served(catalog(G2)) as prices:
        feed = GcpFeed(
            project="project-1", advice=(ask,), preemptions=True, compute_url=machines.url,
            logging_url=logged.url, catalog_url=prices.url,
        )  # fmt: skip
        found = read(store, "gcp", feed, {"GOOGLE_API_KEY": SECRET})
        again = read(store, "gcp", feed, {"GOOGLE_API_KEY": SECRET})
    assert {name: report.outcome for name, report in found.items()} == dict.fromkeys(
        ("gcp-catalog", "gcp-machine-types", "gcp-capacity-advice", "gcp-preemptions"), "ok"
    )
    assert found["gcp-preemptions"].rows_new == 2  # Three entries of two operations.
    assert again["gcp-preemptions"].rows_new == 0
    newest = json.loads(logged.asked[-1].body)["filter"].rpartition(">=")[2]
    assert newest == '"2026-11-19T15:30:00Z"'  # Two hours before the newest, 17:30.


def test_azure_prices_need_no_credential_and_its_bands_do(store):
    rows = [meter("Standard_ND96isr_H100_v5", 39.0)]
    with ExitStack() as stack:
        urls = [
            stack.enter_context(served(answer)).url
            for answer in (retail(rows), graph([], TOKEN), entra(SECRET, TOKEN))
        ]
        feed = AzureFeed(regions=("eastus",), prices_url=urls[0], management_url=urls[1], login_url=urls[2])
        poor = read(store, "azure", feed)
        names = {"AZURE_TENANT_ID": "tenant-1", "AZURE_CLIENT_ID": "client-1", "AZURE_CLIENT_SECRET": SECRET}
        rich = read(store, "azure", feed, names)
    assert (poor["azure-retail-prices"].outcome, poor["azure-eviction"].outcome) == ("ok", "skipped")
    assert rich["azure-eviction"].outcome == "ok"


def test_a_neocloud_remembers_what_it_saw_and_nebius_needs_nothing(store):
    with served(lambda_cloud(LAMBDA)) as lambdas, served(gpuhunt(zipped(NEBIUS))) as hunt:
        seen = read(store, "lambda", lambda_feed(lambdas.url), {"LAMBDA_API_KEY": SECRET})
        listed = read(store, "nebius", replace(cloud("nebius"), base_url=f"{hunt.url}/v3/"))
    assert seen["lambda-instance-types"].outcome == "ok"
    assert listed["gpuhunt-nebius"].outcome == "ok"
    assert not any(SECRET in str(report) for report in (*seen.values(), *listed.values()))
