"""Every neocloud's spelling of a GPU ends in one model of the catalogue."""

from __future__ import annotations

import pytest

from collector.catalog import load_catalog
from collector.sources.neo_gpus import derived_model, derived_note, gpu_model, gpu_sku


@pytest.mark.parametrize(
    ("name", "memory_gb", "model"),
    [
        ("H100 SXM", 81559 / 1024, "H100-80GB"),  # 79.6 GB of a nominal 80.
        ("NVIDIA H100 80GB HBM3", 80, "H100-80GB"),
        ("H100 (80 GB SXM5)", 80, "H100-80GB"),
        ("H100 NVL", 94, "H100-94GB"),
        ("H100 (80 GB PCIe)", 80, "H100-80GB-PCIE"),
        ("NVIDIA H200", 143771 / 1024, "H200-141GB"),
        ("B200", 183359 / 1024, "B200-180GB"),
        ("A100 (40 GB SXM4)", 40, "A100-40GB"),
        ("A100_PCIE", 81251 / 1024, "A100-80GB"),
        ("NVIDIA RTX A6000", 48, "A6000-48GB"),
        ("Tesla V100", 16, "V100-16GB"),
        ("AMD Instinct MI300X OAM", 192, "MI300X-192GB"),
        ("L40S", 46068 / 1024, "L40S-48GB"),
        ("RTX 6000 Ada", 48, "RTX6000ADA-48GB"),
        ("H100 SXM", 64, "H100-64GB"),  # A fifth below 80 is another card, not a worn one.
        ("NVIDIA VR200", 288, "VR200-288GB"),  # Not in the catalogue yet: a model of its own.
    ],
)
def test_a_spelling_ends_in_its_model(name, memory_gb, model):
    assert gpu_model(name, memory_gb) == model


@pytest.mark.parametrize(
    ("name", "memory_gb"), [("NVIDIA", 80), ("", 80), ("H100", 0), ("H100", float("nan"))]
)
def test_a_gpu_without_name_or_memory_is_no_model(name, memory_gb):
    with pytest.raises(ValueError, match="GPU without"):
        gpu_model(name, memory_gb)


def test_every_model_of_the_catalogue_is_its_own_spelling():
    plain = {s.gpu_model for s in load_catalog().skus.values() if s.gpu_model.count("-") == 1}
    for model in sorted(plain - {"CPU"}):
        family, _, size = model.partition("-")
        assert gpu_model(family, int(size.removesuffix("GB"))) == model


def test_memory_of_a_machine_is_the_nominal_one_of_its_gpu():
    sku = gpu_sku("vast", "8x_H100", "H100 SXM", 8, 81559 / 1024)
    assert (sku.gpu_count, sku.gpu_memory_bytes) == (8, 80 * 2**30)


def test_a_gpu_whose_memory_is_not_stated_has_a_model_without_it():
    assert derived_model("nvidia-vr200", None) == "VR200"
    assert derived_model("VR200", 288.0) == "VR200-288GB"


def test_a_person_is_told_where_a_model_is_in_no_catalogue():
    assert derived_note("H100-80GB") is None
    assert derived_note("VR200-288GB") == (
        "model name derived from the provider's own words; in no catalogue yet"
    )
