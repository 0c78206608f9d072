"""What a machine is: catalogue, SkyPilot, AWS's own description, Google's shapes and price tables agree."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from collector.catalog import load_catalog
from collector.sources.aws_types import _skus
from collector.sources.gcp_parts import load_patterns

GCP_LIST = "gcp-pricing-weekly/gcp_gpu_prices_weekly_2022-02_2025-03.csv.gz"
SKUS = load_catalog().skus

# AWS sells these, the catalogue does not name them; aws_types lists them from AWS's own words.
NOT_IN_CATALOGUE = {"g7", "g7e", "gr6", "inf1", "inf2", "p6-b300", "trn2"}
# Machines that AWS no longer describes.
RETIRED = {"p2", "p3", "g2", "g3", "g3s", "g4ad", "dl1", "intel_64"}
# Google prices an A4 by the slice, one GPU with its share of everything.
GPU_PARTS = {
    "A100 GPU": "A100-40GB", "A100 80GB GPU": "A100-80GB", "H100 GPU": "H100-80GB",
    "H100 Mega GPU": "H100-80GB-MEGA", "H200 GPU": "H200-141GB", "B200 slice": "B200-180GB",
    "L4 GPU": "L4-24GB",
}  # fmt: skip


def described_by_aws() -> dict[str, tuple[str, int, int]]:
    """Model, count and memory of one GPU, of every machine in moto's copy of AWS's instance types."""
    types = pytest.importorskip("moto.ec2.models.instance_types").INSTANCE_TYPES
    machines = [
        {"InstanceType": name, **facts}
        for name, facts in types.items()
        if "GpuInfo" in facts or "NeuronInfo" in facts
    ]
    known, _ = _skus(machines)
    return {sku.name: (sku.gpu_model, sku.gpu_count, sku.gpu_memory_bytes) for sku, _ in known}


def test_the_catalogue_agrees_with_awss_own_instance_types():
    described = described_by_aws()
    both = [name for provider, name in SKUS if provider == "aws" and name in described]
    assert len(both) >= 48
    for name in both:
        model, count, memory_bytes = described[name]
        ours = SKUS["aws", name]
        assert (model, count) == (ours.gpu_model, ours.gpu_count), name
        # Usable memory is a little less than nominal: 22,888 MiB of a 24 GB card is 0.931 of 24 GiB.
        assert 0.93 < memory_bytes / ours.gpu_memory_bytes <= 1, name


def test_what_only_one_of_the_two_knows_is_known_by_name():
    described = described_by_aws()
    ours = {name for provider, name in SKUS if provider == "aws"}
    assert {name.partition(".")[0] for name in described.keys() - ours} == NOT_IN_CATALOGUE
    assert {name.partition(".")[0] for name in ours - described.keys()} == RETIRED


def test_the_catalogue_agrees_with_the_shapes_that_google_prices():
    machines = load_patterns().machines
    assert len(machines) == 24
    for name, parts in machines.items():
        (gpu,) = [part for part in parts if part in GPU_PARTS]
        ours = SKUS["gcp", name]
        assert (ours.gpu_model, ours.gpu_count) == (GPU_PARTS[gpu], parts[gpu]), name
    described = {name for provider, name in SKUS if provider == "gcp"}
    assert described - machines.keys() == {"c3-88"}  # A trace's machine, without GPU.


def test_google_names_a_machine_by_its_gpus():
    # a2-highgpu-8g, a3-megagpu-8g: the number before the last g.
    for (provider, name), sku in SKUS.items():
        counted = re.fullmatch(r"a\d-\w+-(\d+)g", name)
        if provider == "gcp" and counted:
            assert sku.gpu_count == int(counted[1]), name


@pytest.mark.recorded
def test_the_catalogue_agrees_with_skypilots(recorded_data: Path):
    frames = [
        pd.read_csv(path, dtype="str") for path in sorted((recorded_data / "skypilot-catalog").glob("*.csv"))
    ]
    rows = pd.concat(frames).drop_duplicates(["provider", "instance_type"])
    assert len(rows) == 13
    for row in rows.itertuples():
        ours = SKUS[row.provider, row.instance_type]
        assert ours.gpu_count == int(row.accelerator_count), row.instance_type
        # SkyPilot says H100 where there is one H100, and A100-80GB where there are two.
        assert ours.gpu_model.startswith(row.accelerator), row.instance_type


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("provider", "file", "column", "unknown"),
    [
        ("aws", "aws-karpenter-ondemand/aws_gpu_ondemand_snapshots.csv.gz", "instance_type", set()),
        (
            "azure",
            "azure-karpenter-ondemand/azure_gpu_ondemand_snapshots.csv.gz",
            "arm_sku_name",
            {"Standard_NP10s", "Standard_NP20s", "Standard_NP40s"},  # FPGAs, no GPUs.
        ),
        ("gcp", GCP_LIST, "machine_type", set()),
    ],
)
def test_every_machine_of_a_price_table_is_in_the_catalogue(recorded_data, provider, file, column, unknown):
    names = set(pd.read_csv(recorded_data / file, dtype="str")[column])
    assert {name for name in names if (provider, name) not in SKUS} == unknown


@pytest.mark.recorded
def test_a_machine_with_twice_the_gpus_costs_twice_as_much(recorded_data):
    # A wrong GPU count would show in the price of one GPU: a2-highgpu of 1, 2, 4 and 8 on the newest day.
    table = pd.read_csv(recorded_data / GCP_LIST)
    newest = table[table["observed_at_utc"] == table["observed_at_utc"].max()]
    here = newest[(newest["region"] == "us-central1") & newest["machine_type"].str.startswith("a2-highgpu-")]
    per_gpu = [
        row.on_demand_usd_per_hour / SKUS["gcp", row.machine_type].gpu_count for row in here.itertuples()
    ]
    assert len(per_gpu) == 4
    assert max(per_gpu) / min(per_gpu) == pytest.approx(1, abs=0.001)
