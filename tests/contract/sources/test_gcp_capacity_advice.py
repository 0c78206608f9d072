"""Google's capacity advice through the unmodified google-cloud-compute client over REST."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pandas as pd
import pytest
from conformance import NOW, SourceConformance, facts_of
from gcp_fake import ADVICE, capacity_advice, recommended
from google.auth.credentials import AnonymousCredentials
from google.cloud.compute_v1 import AdviceClient
from json_fake import Reply, patience, scripted, served

from collector.sources.gcp_capacity_advice import GcpCapacityAdvice, GcpCapacityQuery
from model.errors import ImpossibleInput

FOUR = GcpCapacityQuery(machine="a3-highgpu-8g", region="us-central1", instances=4)
EIGHT = GcpCapacityQuery(machine="a3-highgpu-8g", region="us-central1", instances=8)


@pytest.fixture
def source_of():
    """Builds the source with a client that talks to a fake."""
    with ExitStack() as stack:

        def build(answer, *queries: GcpCapacityQuery) -> GcpCapacityAdvice:
            fake = stack.enter_context(served(answer))
            return GcpCapacityAdvice(
                client=lambda: AdviceClient(
                    credentials=AnonymousCredentials(), client_options={"api_endpoint": fake.url}
                ),
                project="project-1", queries=queries or (FOUR,), now=lambda: NOW, patience=patience(),
            )  # fmt: skip

        yield build


class TestGcpCapacityAdvice(SourceConformance):
    endpoint = "Advice.Capacity"
    rows_before_busy = 2  # One answer: its obtainability and its uptime.

    @pytest.fixture
    def make(self, source_of):
        def make(scenario: str) -> GcpCapacityAdvice:
            queries = (FOUR, EIGHT) if scenario == "busy" else (FOUR,)
            return source_of(scripted(capacity_advice(ADVICE), scenario, good_before_busy=1), *queries)

        return make


def test_obtainability_and_uptime_are_two_scales_of_one_question(source_of):
    scores = facts_of(source_of(capacity_advice(ADVICE)))["scores"].set_index("scale")
    assert scores["score"].to_dict() == {"gcp obtainability 0-1": "0.8", "gcp estimated uptime s": "3600"}
    assert set(scores["zone"]) == {"us-central1-a"}
    assert set(scores["outcome"]) == {"scored"}
    (query,) = set(scores["query"])
    asked = json.loads(query)
    assert (asked["region"], asked["size"]) == ("us-central1", 4)
    assert asked["instance_flexibility_policy"]["instance_selections"]["asked"]["machine_types"] == [
        "a3-highgpu-8g"
    ]


def test_the_same_zones_in_another_order_are_the_same_question():
    one, other = (
        GcpCapacityQuery(machine="g2-standard-4", region="us-central1", instances=1, zones=zones)
        for zones in (("us-central1-a", "us-central1-b"), ("us-central1-b", "us-central1-a"))
    )
    assert one.shown == other.shown
    assert one.shown != FOUR.shown


def test_zones_are_asked_for_by_their_partial_url(source_of):
    query = GcpCapacityQuery(
        machine="a3-highgpu-8g", region="us-central1", instances=4, zones=("us-central1-b",)
    )
    assert facts_of(source_of(capacity_advice(ADVICE), query))  # The fake refuses another spelling.


def test_a_score_of_zero_is_a_score_and_a_missing_one_is_unlisted(source_of):
    answer = {"recommendations": [recommended("us-central1-a", obtainability=0.0)]}
    scores = facts_of(source_of(capacity_advice(answer)))["scores"].set_index("scale")
    assert scores.loc["gcp obtainability 0-1", ["outcome", "score"]].tolist() == ["scored", "0.0"]
    assert scores.loc["gcp estimated uptime s", "outcome"] == "unlisted"
    assert pd.isna(scores.loc["gcp estimated uptime s", "score"])


def test_an_answer_without_a_recommendation_is_unlisted_and_not_a_zero(source_of):
    scores = facts_of(source_of(capacity_advice({})))["scores"]
    assert scores["outcome"].tolist() == ["unlisted"]
    assert scores["score"].tolist() == [None]


def test_a_refused_question_keeps_the_providers_word_and_the_next_is_still_asked(source_of):
    refused = {
        "error": {
            "code": 400,
            "message": "Invalid value in project-1",
            "errors": [{"reason": "invalid", "message": "Invalid value in project-1"}],
        }
    }
    good = capacity_advice(ADVICE)
    source = source_of(
        lambda asked: good(asked) if asked.json["size"] == 8 else Reply(refused, status=400), FOUR, EIGHT
    )
    first, second = (batch.scores for batch in source.batches())
    assert first["outcome"].tolist() == ["refused"]
    assert first["refusal"].tolist() == ["invalid"]
    assert "project-1" not in first.to_string()
    assert second["outcome"].tolist() == ["scored", "scored"]


def test_a_recommendation_over_two_zones_is_the_regions(source_of):
    spread = recommended("us-central1-a", obtainability=0.5, estimatedUptime="600s")
    spread["shards"] += recommended("us-central1-b")["shards"]
    query = GcpCapacityQuery(machine="a3-highgpu-8g", region="us-central1", instances=8, shape="BALANCED")
    scores = facts_of(source_of(capacity_advice({"recommendations": [spread]}), query))["scores"]
    assert scores["zone"].tolist() == [None, None]


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ({"obtainability": 1.5, "estimatedUptime": "600s"}, "obtainability lies outside 0 to 1"),
        ({"obtainability": 0.5, "estimatedUptime": "long"}, "estimated uptime is no duration"),
    ],
)
def test_an_impossible_score_is_turned_away_and_the_other_kept(source_of, scores, reason):
    answer = {"recommendations": [recommended("us-central1-a", **scores)]}
    (batch,) = source_of(capacity_advice(answer)).batches()
    assert batch.rejected["reason"].tolist() == [reason]
    assert len(batch.scores) == 1


@pytest.mark.parametrize("changes", [{"instances": 0}, {"shape": "SOMEHOW"}, {"zones": ("europe-west4-a",)}])
def test_a_question_that_cannot_be_asked_is_refused_before_it_is_sent(changes):
    with pytest.raises(ImpossibleInput, match="capacity query"):
        GcpCapacityQuery(**{"machine": "g2-standard-4", "region": "us-central1", "instances": 1, **changes})
