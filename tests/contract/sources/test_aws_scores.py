"""AWS placement scores, through the unmodified boto3 client."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from aws_fake import Failure
from aws_stage import Stage, account
from conformance import NOW, Make, PagedConformance, SourceConformance, facts_of, trouble_of

from collector.ingest import ingest
from collector.sources.aws_scores import UNSENT, AwsScores, PlacementQuery
from collector.sources.base import SourceSkipped
from collector.store import Store
from model.errors import ImpossibleInput

TYPES = ("p5.48xlarge", "p5en.48xlarge", "p4d.24xlarge")
QUERY = PlacementQuery(instance_types=TYPES, regions=("us-east-1", "us-west-2"), instances=4)
OTHER = PlacementQuery(instance_types=TYPES, regions=("eu-west-1",), instances=8)
SCORE = {"Region": "us-east-1", "AvailabilityZoneId": "use1-az4", "Score": 9}
PAGES = [
    {"SpotPlacementScores": [SCORE]},
    {"SpotPlacementScores": [{"Region": "us-west-2", "AvailabilityZoneId": "usw2-az1", "Score": 3}]},
]


def source(client_for: Any, *queries: PlacementQuery, asked=(), new_per_day: int = 50) -> AwsScores:
    return AwsScores(
        ec2=client_for("ec2", "us-east-1"),
        queries=queries or (QUERY,),
        asked=frozenset(asked),
        now=lambda: NOW,
        new_per_day=new_per_day,
    )


class TestAwsScores(SourceConformance, PagedConformance):
    endpoint = "GetSpotPlacementScores in us-east-1"
    rows_paged = 2
    rows_before_busy = 2  # The first of two questions: two regions.

    @pytest.fixture
    def make(self, clients_for) -> Make:
        stage = Stage("GetSpotPlacementScores", PAGES, good_first=1)

        def made(scenario: str) -> AwsScores:
            queries = (QUERY, OTHER) if scenario == "busy" else (QUERY,)
            return source(clients_for(stage.script(scenario)), *queries)

        return made


def scores_of(answer: Any, *queries: PlacementQuery, **more: Any) -> tuple[list[dict[str, Any]], list]:
    """Rows, and what was asked."""
    with account(lambda *_: answer) as (client_for, fake):
        frame = facts_of(source(client_for, *queries, **more))["scores"]
        return frame.astype("object").where(frame.notna(), None).to_dict("records"), fake.asked


def test_a_score_is_stored_with_the_question_it_answers():
    rows, asked = scores_of({"SpotPlacementScores": [SCORE]}, QUERY)
    params = {
        "InstanceTypes": ["p4d.24xlarge", "p5.48xlarge", "p5en.48xlarge"],
        "RegionNames": ["us-east-1", "us-west-2"],
        "SingleAvailabilityZone": True,
        "TargetCapacity": 4,
        "TargetCapacityUnitType": "units",
    }
    assert asked == [("GetSpotPlacementScores", params)]
    assert json.loads(rows[0]["query"]) == params
    scored = next(row for row in rows if row["outcome"] == "scored")
    assert (scored["zone"], scored["score"], scored["scale"]) == ("use1-az4", "9", "aws 1-10")


def test_equal_questions_in_another_order_are_one_question():
    again = PlacementQuery(instance_types=TYPES[::-1], regions=QUERY.regions[::-1], instances=4)
    assert again.shape == QUERY.shape


def test_a_region_left_out_of_the_answer_is_unlisted():
    rows, _ = scores_of({"SpotPlacementScores": [SCORE]}, QUERY)
    assert [(r["region"], r["outcome"], r["score"]) for r in rows] == [
        ("us-east-1", "scored", "9"),
        ("us-west-2", "unlisted", None),
    ]


def test_a_refused_question_is_refused_and_not_without_data():
    rows, _ = scores_of(Failure(400, "MaxConfigLimitExceeded"), QUERY)
    assert [(r["region"], r["outcome"], r["score"], r["refusal"]) for r in rows] == [
        ("us-east-1", "refused", None, "MaxConfigLimitExceeded"),
        ("us-west-2", "refused", None, "MaxConfigLimitExceeded"),
    ]


def test_a_missing_permission_skips_the_source():
    with account(lambda *_: Failure(403, "UnauthorizedOperation")) as (client_for, _):
        assert isinstance(trouble_of(source(client_for)), SourceSkipped)


def test_beyond_the_days_new_questions_nothing_is_sent_and_old_ones_still_are():
    # One of one new question a day is used up by OTHER; QUERY is new, so it waits.
    rows, asked = scores_of({"SpotPlacementScores": []}, QUERY, OTHER, asked=[OTHER.shape], new_per_day=1)
    assert [params["RegionNames"] for _, params in asked] == [["eu-west-1"]]
    assert {(r["region"], r["outcome"]) for r in rows} == {
        ("us-east-1", "refused"),
        ("us-west-2", "refused"),
        ("eu-west-1", "unlisted"),
    }
    assert {r["refusal"] for r in rows if r["outcome"] == "refused"} == {UNSENT}


def test_the_store_knows_which_questions_were_sent_in_the_last_day():
    answer = {"SpotPlacementScores": [SCORE]}
    with account(lambda *_: answer) as (client_for, _), Store.open(None, clock=lambda: NOW) as store:
        ingest(store, source(client_for, QUERY, OTHER, new_per_day=1))
        params = {"source_id": "aws-placement-scores", "unsent": UNSENT}
        today = store.rows("asked_scores", as_of=NOW, **params)
        assert [row["query"] for row in today] == [QUERY.shape]  # OTHER was over the limit and not sent.
        assert store.rows("asked_scores", as_of=NOW + timedelta(days=1), **params) == []


def test_two_types_are_refused_because_their_score_is_always_low():
    with pytest.raises(ImpossibleInput, match="names 2 instance types"):
        PlacementQuery(instance_types=TYPES[:2], regions=("us-east-1",), instances=1)


@pytest.mark.parametrize(
    ("regions", "instances"), [((), 1), (tuple(map(str, range(11))), 1), (("us-east-1",), 0)]
)
def test_a_question_that_aws_does_not_take_is_refused_before_it_is_sent(regions, instances):
    with pytest.raises(ImpossibleInput):
        PlacementQuery(instance_types=TYPES, regions=regions, instances=instances)
