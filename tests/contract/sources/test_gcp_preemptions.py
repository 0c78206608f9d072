"""Google's preemption log over httpx against a local server that keeps to the documented fields."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import httpx
import pandas as pd
import pytest
from conformance import NOW, SECRET, PagedConformance, SourceConformance, facts_of
from gcp_log_fake import TWICE, entry, instances, log
from json_fake import Reply, patience, scripted, served

from collector.ingest import ingest
from collector.sources.gcp_preemptions import GcpPreemptions, machine_lookup
from collector.store import Store

NUMBER = "184448819"


@pytest.fixture
def client_of():
    """Builds a client that talks to a fake."""
    with ExitStack() as stack:

        def build(answer) -> httpx.Client:
            return stack.enter_context(httpx.Client(base_url=stack.enter_context(served(answer)).url))

        yield build


@pytest.fixture
def source_of(client_of):
    def build(answer, *, machines=None, since=None) -> GcpPreemptions:
        find = None if machines is None else client_of(machines)
        return GcpPreemptions(
            client=client_of(answer), token=lambda: SECRET, project="project-1", since=since, now=lambda: NOW,
            machine_of=find and machine_lookup(find, lambda: SECRET, "project-1", patience()),
            patience=patience(),
        )  # fmt: skip

    return build


class TestGcpPreemptions(SourceConformance, PagedConformance):
    endpoint = "/v2/entries:list"
    rows_before_busy = 2  # The first page of the scenario has both.
    rows_paged = 2  # Three entries of two preemptions, on four pages of which the last is empty.

    @pytest.fixture
    def make(self, source_of):
        def make(scenario: str) -> GcpPreemptions:
            sizes = {"paged": 1, "busy": 2}
            feed = log(TWICE, page_size=sizes.get(scenario, 1000), looping=scenario == "looping")
            return source_of(scripted(feed, scenario, good_before_busy=1))

        return make


def test_a_vm_that_was_preempted_twice_is_two_events(source_of):
    found = facts_of(source_of(log(TWICE)))["interruptions"]
    assert found["event_id"].tolist() == ["systemevent-1-aa", "systemevent-2-bb"]
    assert set(found["instance_ref"]) == {NUMBER}
    assert set(found["what"]) == {"preempted"}
    assert set(found["witness"]) == {"audit_log"}
    assert (set(found["region"]), set(found["zone"])) == ({"us-central1"}, {"us-central1-a"})


def test_a_pair_of_entries_takes_effect_with_its_first(source_of):
    found = facts_of(source_of(log(TWICE)))["interruptions"]
    assert found["effective_at"].tolist() == [
        pd.Timestamp("2026-11-19T08:00:00.325309Z"),
        pd.Timestamp("2026-11-19T17:30:00.782066Z"),  # The store keeps microseconds.
    ]


def test_a_log_written_after_the_fact_gives_no_notice(source_of):
    assert facts_of(source_of(log(TWICE)))["interruptions"]["notice_s"].isna().all()


def test_the_machine_type_is_joined_where_the_machine_still_exists(source_of):
    other = entry("systemevent-3-cc", "2026-11-19T18:00:00Z", number="7")
    source = source_of(log([*TWICE, other]), machines=instances({NUMBER: "a3-highgpu-8g"}))
    skus = facts_of(source)["interruptions"].set_index("event_id")["sku"]
    assert skus["systemevent-1-aa"] == "a3-highgpu-8g"
    assert pd.isna(skus["systemevent-3-cc"])  # Deleted when it was preempted.


def test_a_machine_that_may_not_be_looked_up_does_not_cost_the_event(source_of):
    source = source_of(log(TWICE), machines=lambda _: Reply({}, status=403))
    found = facts_of(source)["interruptions"]
    assert len(found) == 2
    assert found["sku"].isna().all()


def test_reading_goes_on_two_hours_before_the_newest_known(source_of):
    # Known until 19:00, so it is read from 17:00 on: the pair of 17:30 and not the entry of 08:00.
    since = datetime(2026, 11, 19, 19, tzinfo=UTC)
    assert facts_of(source_of(log(TWICE), since=since))["interruptions"]["event_id"].tolist() == [
        "systemevent-2-bb"
    ]


def test_what_is_read_again_in_the_overlap_is_stored_once(source_of):
    with Store.open(None, clock=lambda: NOW) as store:
        assert ingest(store, source_of(log(TWICE))).rows_new == 2
        since = NOW - timedelta(days=1)
        assert ingest(store, source_of(log(TWICE), since=since)).rows_new == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"operation": {}},
        {"timestamp": "2026-11-19T25:00:00Z"},
        {"resource": {"labels": {"instance_id": NUMBER, "zone": "nowhere"}}},
        {"protoPayload": {"methodName": "v1.compute.instances.delete"}},
    ],
)
def test_an_entry_that_is_no_preemption_is_turned_away_and_names_nobody(source_of, changes):
    strange = {**entry("systemevent-9", "2026-11-19T08:00:00Z"), **changes}
    (batch,) = source_of(lambda _: Reply({"entries": [strange, *TWICE]})).batches()
    assert batch.rejected["reason"].tolist() == ["no preemption with a machine, an operation and a time"]
    assert batch.rejected["content"].tolist() == ['{"insertId": "qnwer3e38dfz"}']
    assert len(batch.interruptions) == 2


def test_a_preemption_of_tomorrow_is_turned_away(source_of):
    (batch,) = source_of(log([entry("systemevent-9", "2026-11-21T08:00:00Z")])).batches()
    assert batch.rejected["reason"].tolist() == ["event lies in the future"]
    assert batch.interruptions is None
