"""Azure spot placement scores through httpx against a local server that knows the request's fields."""

from __future__ import annotations

import json
from contextlib import ExitStack

import httpx
import pandas as pd
import pytest
from azure_fake import A100, H100, placement
from conformance import NOW, SECRET, SourceConformance, facts_of
from json_fake import patience, scripted, served

from collector.sources.azure_scores import AzurePlacementQuery, AzureScores
from model.errors import ImpossibleInput

LABELS = {(H100, "eastus", "1"): "High", (H100, "eastus", "2"): "Low", (A100, "eastus", "1"): "Medium"}
QUERY = AzurePlacementQuery(sizes=(H100, A100), regions=("eastus",), instances=2)
OTHER = AzurePlacementQuery(sizes=(H100,), regions=("eastus",), instances=16)


@pytest.fixture
def source_of():
    """Builds the source against a fake that gives these answers."""
    with ExitStack() as stack:

        def build(answer, queries=(QUERY,)) -> AzureScores:
            fake = stack.enter_context(served(answer))
            client = stack.enter_context(httpx.Client(base_url=fake.url))
            return AzureScores(
                client=client, token=lambda: SECRET, subscription="sub-1", queries=queries,
                now=lambda: NOW, patience=patience(),
            )  # fmt: skip

        yield build


class TestAzureScores(SourceConformance):
    endpoint = "/placementScores/spot/generate"
    rows_before_busy = 3

    @pytest.fixture
    def make(self, source_of):
        def make(scenario: str) -> AzureScores:
            queries = (QUERY, OTHER) if scenario == "busy" else (QUERY,)
            return source_of(scripted(placement(LABELS, SECRET), scenario, good_before_busy=1), queries)

        return make


def scores_of(source) -> pd.DataFrame:
    frame = facts_of(source)["scores"]
    return frame.assign(sku=frame["query"].map(lambda query: json.loads(query)["sku"]))


def test_a_label_is_kept_with_its_scale_its_zone_and_its_question(source_of):
    scores = scores_of(source_of(placement(LABELS, SECRET))).set_index(["sku", "zone"])
    assert scores["score"].to_dict() == {
        (H100, "name:eastus-1"): "High", (H100, "name:eastus-2"): "Low", (A100, "name:eastus-1"): "Medium",
    }  # fmt: skip
    assert set(scores["scale"]) == {"azure label"}
    assert json.loads(scores["query"].iloc[0])["desiredCount"] == 2


@pytest.mark.parametrize(
    ("label", "outcome", "refusal"),
    [
        ("DataNotFoundOrStale", "unlisted", None),
        ("RestrictedSkuNotAvailable", "refused", "RestrictedSkuNotAvailable"),
        ("Excellent", "refused", "Excellent"),
    ],
)
def test_a_word_that_is_no_label_is_no_score(source_of, label, outcome, refusal):
    (row,) = scores_of(source_of(placement({(H100, "eastus", None): label}, SECRET))).to_dict("records")
    assert (row["outcome"], row["score"], row["refusal"], row["zone"]) == (outcome, None, refusal, None)


@pytest.mark.parametrize(
    "changes", [{"sizes": ()}, {"sizes": tuple("abcdef")}, {"regions": ()}, {"instances": 0}]
)
def test_a_question_beyond_the_limits_is_refused_before_it_is_sent(changes):
    with pytest.raises(ImpossibleInput):
        AzurePlacementQuery(**{"sizes": (H100,), "regions": ("eastus",), "instances": 1, **changes})
