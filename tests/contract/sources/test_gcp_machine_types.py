"""Google's list of machines through the unmodified google-cloud-compute client over REST."""

from __future__ import annotations

from contextlib import ExitStack

import pandas as pd
import pytest
from conformance import NOW, PagedConformance, SourceConformance, facts_of
from gcp_fake import LISTED, machine_type, machine_types
from google.auth.credentials import AnonymousCredentials
from google.cloud.compute_v1 import MachineTypesClient
from json_fake import patience, scripted, served

from collector.ingest import ingest
from collector.sources.gcp_machine_types import GcpMachineTypes
from collector.store import Store


@pytest.fixture
def source_of():
    """Builds the source with a client that talks to a fake."""
    with ExitStack() as stack:

        def build(answer) -> GcpMachineTypes:
            fake = stack.enter_context(served(answer))
            return GcpMachineTypes(
                client=lambda: MachineTypesClient(
                    credentials=AnonymousCredentials(), client_options={"api_endpoint": fake.url}
                ),
                project="project-1", now=lambda: NOW, patience=patience(),
            )  # fmt: skip

        yield build


class TestGcpMachineTypes(SourceConformance, PagedConformance):
    endpoint = "MachineTypes.AggregatedList"
    rows_before_busy = 1  # The first page of the scenario: an A3 and a machine without a GPU.
    rows_paged = 3

    @pytest.fixture
    def make(self, source_of):
        def make(scenario: str) -> GcpMachineTypes:
            page_size = 2 if scenario in ("paged", "looping", "busy") else 500
            feed = machine_types(LISTED, page_size=page_size, looping=scenario == "looping")
            return source_of(scripted(feed, scenario, good_before_busy=1))

        return make


def test_a_machine_is_listed_in_each_zone_that_has_it_and_one_without_a_gpu_in_none(source_of):
    found = facts_of(source_of(machine_types(LISTED)))["listings"]
    h100 = found[found["gpu_model"] == "H100-80GB"]
    assert h100["zone"].tolist() == ["us-central1-a", "us-central1-b"]
    assert set(h100["region"]) == {"us-central1"}
    assert "n2-standard-8" not in set(found["sku"])


def test_a_new_gpu_is_listed_at_once_and_its_unstated_memory_stays_unknown(source_of):
    found = facts_of(source_of(machine_types(LISTED)))["listings"].set_index("sku").loc["a9-highgpu-4g"]
    assert (found["gpu_model"], found["gpu_count"], found["zone"]) == ("VR200", 4, "europe-west4-a")
    assert pd.isna(found["gpu_memory_bytes"])
    assert "derived from the provider's own words" in found["note"]


def test_memory_that_google_states_is_part_of_the_model(source_of):
    listed = [("us-east1-b", machine_type("a9-ultragpu-8g", "nvidia-vr200-288gb", 8))]
    (sku,) = next(source_of(machine_types(listed)).batches()).skus
    assert (sku.gpu_model, sku.gpu_memory_bytes) == ("VR200-288GB", 288 * 2**30)


def test_the_first_sight_of_a_new_gpu_is_on_record_per_region(source_of):
    with Store.open(None, clock=lambda: NOW) as store:
        ingest(store, source_of(machine_types(LISTED)))
        seen = {(row.gpu_model, row.region): row.first_seen_at for row in store.first_seen(NOW)}
    assert seen == {("VR200", "europe-west4"): NOW, ("H100-80GB", "us-central1"): NOW}


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (
            machine_type("a3-highgpu-8g", "nvidia-h100-80gb", 4),
            "count of accelerators is not the catalogue's",
        ),
        (machine_type("a9-highgpu-4g", "nvidia-", 4), "accelerator has no name"),
    ],
)
def test_a_machine_that_contradicts_itself_is_turned_away(source_of, machine, reason):
    (batch,) = source_of(machine_types([("us-central1-a", machine)])).batches()
    assert batch.listings is None
    assert batch.rejected["reason"].tolist() == [reason]
