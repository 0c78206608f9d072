"""Machines with accelerators that AWS lists in one region: their GPU facts, and in which zones.

GPU models are named after AWS's own name and memory. An accelerator that has no name here gets
one derived from AWS's words, and its listing says so: a new GPU is on record from the day it is
listed. Every zone that lists a machine gives a row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pandas as pd

from model.market import Sku

from .aws_clients import asking, pages
from .base import Batch
from .neo_gpus import derived_model

MIB: Final = 2**20
MIB_OF_GIB: Final = 2**10
GPU_MODELS: Final = {  # Name and MiB of one GPU, as AWS writes them -> GPU model.
    ("K80", 12288): "K80-12GB",
    ("V100", 16384): "V100-16GB",
    ("V100", 32768): "V100-32GB",
    ("A100", 40960): "A100-40GB",
    ("A100", 81920): "A100-80GB",
    ("H100", 81920): "H100-80GB",
    ("H200", 144384): "H200-141GB",
    ("B200", 183359): "B200-180GB",
    ("B300", 275040): "B300-288GB",
    ("M60", 8192): "M60-8GB",
    ("T4", 16384): "T4-16GB",
    ("T4g", 16384): "T4G-16GB",
    ("A10G", 22888): "A10G-24GB",
    ("L4", 22888): "L4-24GB",
    ("L40S", 45776): "L40S-48GB",
    ("RTX PRO 4500", 32768): "RTX-PRO-4500-32GB",
    ("RTX PRO Server 6000", 98304): "RTX-PRO-6000-96GB",
    ("Radeon Pro V520", 8192): "V520-8GB",
    ("Gaudi HL-205", 32768): "GAUDI-32GB",
    ("Trainium", 32768): "TRAINIUM-32GB",
}


Named = tuple[Sku, str | None]  # A SKU, and that its model name is derived where it is.


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsTypes:
    """`Source` of one region's listed machines."""

    ec2: Any = field(repr=False)
    region: str
    now: Callable[[], datetime] = field(repr=False)
    kind: str = "recorded"
    licence: str = "AWS service terms: facts for the account that asked"
    note: str = "machines with accelerators only; zones by ID; a model name may be derived from AWS's words"

    @property
    def source_id(self) -> str:
        """One source per region."""
        return f"aws-types/{self.region}"

    @property
    def origin(self) -> str:
        """The operation and region."""
        return f"ec2 DescribeInstanceTypes in {self.region}"

    def batches(self) -> Iterator[Batch]:
        """One batch: SKUs, and where they are listed; see `base.Source`."""
        at = pd.Timestamp(self.now())
        with asking(self.ec2, "describe_instance_types"):
            machines = list(pages(self.ec2, "describe_instance_types", "InstanceTypes"))
            known, unknown = _skus(machines)
        with asking(self.ec2, "describe_instance_type_offerings"):
            listed = self._listed({sku.name: (sku, note) for sku, note in known})
        yield Batch(
            listings=pd.DataFrame(listed).assign(effective_at=at, observed_at=at) if listed else None,
            rejected=pd.DataFrame(unknown, columns=["reason", "content"]),
            skus=tuple(sku for sku, _ in known),
        )

    def _listed(self, known: dict[str, Named]) -> list[dict[str, Any]]:
        """One row per machine and zone that lists it."""
        offerings = pages(
            self.ec2,
            "describe_instance_type_offerings",
            "InstanceTypeOfferings",
            LocationType="availability-zone-id",
        )
        return [
            {
                "provider": "aws",
                "region": self.region,
                "zone": offering["Location"],
                "sku": sku.name,
                "gpu_model": sku.gpu_model,
                "gpu_count": sku.gpu_count,
                "gpu_memory_bytes": sku.gpu_memory_bytes,
                "note": note,
            }
            for offering in offerings
            if offering["InstanceType"] in known
            for sku, note in [known[offering["InstanceType"]]]
        ]


def _skus(machines: list[dict[str, Any]]) -> tuple[list[Named], list[tuple[str, str]]]:
    """SKUs of machines with accelerators; reason and content of the devices that are none."""
    known: list[Named] = []
    unknown = []
    for machine in machines:
        for device in _devices(machine):
            if device["Count"] < 1:
                content = json.dumps({"sku": machine["InstanceType"], **device})
                unknown.append((f"part of a GPU: {_said(device)}", content))
            else:
                known.append(_named(machine["InstanceType"], device))
    return known, unknown


def _devices(machine: dict[str, Any]) -> list[dict[str, Any]]:
    """The accelerators of a machine, GPUs or AWS's own chips."""
    gpus: list[dict[str, Any]] = machine.get("GpuInfo", {}).get("Gpus", [])
    return gpus + list(machine.get("NeuronInfo", {}).get("NeuronDevices", []))


def _named(name: str, device: dict[str, Any]) -> Named:
    """The SKU of a machine with whole devices, and the note where its model is in no table here."""
    memory_mib = device["MemoryInfo"]["SizeInMiB"]
    model = GPU_MODELS.get((device["Name"], memory_mib))
    note = None if model else f"model name derived from AWS's own words, {_said(device)}"
    sku = Sku(
        provider="aws",
        name=name,
        gpu_model=model or derived_model(device["Name"], memory_mib / MIB_OF_GIB),
        gpu_count=device["Count"],
        gpu_memory_bytes=memory_mib * MIB,
    )
    return sku, note


def _said(device: dict[str, Any]) -> str:
    """A device in AWS's words."""
    return f"{device['Name']} of {device['MemoryInfo']['SizeInMiB']} MiB"
