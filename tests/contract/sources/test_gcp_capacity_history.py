"""Google's capacity history through the unmodified google-cloud-compute client over REST."""

from __future__ import annotations

from contextlib import ExitStack

import pandas as pd
import pytest
from conformance import NOW, SourceConformance, facts_of
from gcp_fake import HISTORY, advice, day, money
from google.auth.credentials import AnonymousCredentials
from google.cloud.compute_v1 import AdviceClient
from json_fake import patience, scripted, served

from collector.sources.gcp_capacity_history import GcpCapacityHistory

H100 = "a3-highgpu-8g"


@pytest.fixture
def source_of():
    """Builds the source with a client that talks to a fake."""
    with ExitStack() as stack:

        def build(answer, *, machines=(H100,), locations=("us-central1",)) -> GcpCapacityHistory:
            fake = stack.enter_context(served(answer))
            return GcpCapacityHistory(
                client=lambda: AdviceClient(
                    credentials=AnonymousCredentials(), client_options={"api_endpoint": fake.url}
                ),
                project="project-1", machines=machines, locations=locations, now=lambda: NOW,
                patience=patience(),
            )  # fmt: skip

        yield build


class TestGcpCapacityHistory(SourceConformance):
    endpoint = "Advice.CapacityHistory"
    rows_before_busy = 4  # One answer: two prices and two shares.

    @pytest.fixture
    def make(self, source_of):
        def make(scenario: str) -> GcpCapacityHistory:
            machines = (H100, "a2-ultragpu-8g") if scenario == "busy" else (H100,)
            return source_of(scripted(advice(HISTORY), scenario, good_before_busy=1), machines=machines)

        return make


def test_prices_take_effect_where_their_interval_begins(source_of):
    prices = facts_of(source_of(advice(HISTORY)))["prices"].sort_values("effective_at")
    assert prices["price_usd_per_hour"].tolist() == ["20.423033644", "21.500000000"]
    # Midnight in the west of America is 08:00 UTC.
    assert prices["effective_at"].tolist() == [pd.Timestamp(f"2026-11-{d}T08:00Z") for d in (10, 11)]
    assert set(prices["pool_id"]) == {f"gcp/us-central1/-/{H100}/spot"}


def test_a_preemption_rate_stays_a_share_of_the_machines_that_stopped(source_of):
    bands = facts_of(source_of(advice(HISTORY)))["bands"].sort_values("effective_at")
    assert bands["rate_low"].tolist() == bands["rate_high"].tolist() == [0.25, 0.5]
    assert set(bands["horizon_s"]) == {86_400.0}
    assert "stopped running" in bands["what"].iloc[0]
    assert (set(bands["denominator"]), set(bands["window_s"])) == ({"stopped"}, {86_400.0})
    assert bands["label"].isna().all()
    assert bands["effective_at"].tolist() == [pd.Timestamp(f"2026-11-{d}T08:00Z") for d in (18, 19)]


def test_a_day_that_is_not_over_is_turned_away(source_of):
    today = {**HISTORY, "preemptionHistory": [{"interval": day(20), "preemptionRate": 0.1}]}
    (batch,) = source_of(advice(today)).batches()
    assert batch.bands is None
    assert batch.rejected["reason"].tolist() == ["interval is not over"]


def test_a_zone_is_asked_by_its_path_and_kept_in_the_pool(source_of):
    source = source_of(advice(HISTORY), locations=("us-central1-a",))
    facts = facts_of(source)
    assert set(facts["prices"]["pool_id"]) == {f"gcp/us-central1/us-central1-a/{H100}/spot"}
    assert set(facts["bands"]["region"]) == {"us-central1"}
    assert set(facts["bands"]["zone"]) == {"us-central1-a"}
    assert "us-central1-a" in facts["bands"]["what"].iloc[0]


def test_another_currency_keeps_its_name_for_the_quarantine(source_of):
    euro = {**HISTORY, "priceHistory": [{"interval": day(10), "listPrice": money("20", "EUR")}]}
    assert facts_of(source_of(advice(euro)))["prices"]["currency"].tolist() == ["EUR"]


def test_a_machine_without_history_gives_no_fact(source_of):
    assert facts_of(source_of(advice({"machineType": H100}))) == {}
