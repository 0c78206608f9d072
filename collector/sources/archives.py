"""The archives that are known: how each is recognised, who reads it, under which terms it came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import recorded_lives as lives
from . import recorded_prices as prices
from . import recorded_published as published
from .base import Batch
from .files import RecordedFile


@dataclass(frozen=True, slots=True)
class Archive:
    """A data set whose files share one reader."""

    source_id: str
    licence: str
    read: Callable[[Path], Iterator[Batch]]
    note: str = ""
    kind: str = "recorded"

    def open(self, path: Path) -> RecordedFile:
        """The source for one of its files."""
        return RecordedFile(
            path=path,
            source_id=self.source_id,
            licence=self.licence,
            read=self.read,
            note=self.note,
            kind=self.kind,
        )


APACHE: Final = "Apache-2.0"
MIT: Final = "MIT"
ALIBABA_NOTE: Final = "hours since an unstated beginning; no eviction is recorded"
UNSTATED: Final = "no licence stated: for internal validation only"
BY_HEADER: Final = {
    "observed_at_utc,machine_type,region,on_demand_usd_per_hour,spot_usd_per_hour": Archive(
        "gcp-pricing-weekly", APACHE, prices.read_gcp_weekly,
        "whether bundled local SSD is in the price of a2-ultragpu and a3 is not stated",
    ),
    "observed_at_utc,region,instance_type,on_demand_usd_per_hour": Archive(
        "aws-karpenter-ondemand", APACHE, prices.read_aws_on_demand
    ),
    "observed_at_utc,region,arm_sku_name,on_demand_usd_per_hour": Archive(
        "azure-karpenter-ondemand", APACHE, prices.read_azure_on_demand
    ),
    "az_id,instance_type,product_description,spot_price_usd_per_hour,observed_at_utc": Archive(
        "aws-spot-by-zone-id", UNSTATED, prices.read_aws_spot_ids
    ),
    "observed_at_utc,availability_zone_name,instance_type,product_description,"
    "spot_price_usd_per_hour": Archive(
        "aws-spot-by-zone-name", UNSTATED, prices.read_aws_spot_names,
        "zone names of one account; the auction market of 2015, not today's",
    ),
    "sku_name,spot_usd_per_hour,effective_start,region_label": Archive(
        "azure-spot-snapshot", UNSTATED, prices.read_azure_spot,
        "the cheapest meter of a size is taken for Linux; observed on the newest effective day",
    ),
    "kind,class_or_destination,tier_tib,region,price,unit": Archive(
        "gcp-storage-egress", APACHE, published.read_gcp_tariffs
    ),
    "source_commit,provider,instance_type,accelerator,accelerator_count,vcpus,memory_gib,"
    "on_demand_usd_per_hour,spot_usd_per_hour,region,zone_id": Archive(
        "skypilot-catalog", APACHE, published.read_skypilot,
        "the day is not stated; taken for 2025-07-01", kind="list",
    ),
    "gpu_model,gpu_capacity_num,cpu_num,node_name": Archive(
        "alibaba-spot-gpu", MIT, published.read_alibaba_nodes, ALIBABA_NOTE
    ),
    "hour,jobs_active,gpus_active_requested,capacity_gpus,demand_capacity_ratio": Archive(
        "alibaba-spot-gpu", MIT, published.read_alibaba_hours, ALIBABA_NOTE
    ),
    "submit_hour,jobs,gpu_seconds,gpu_demand": Archive(
        "alibaba-spot-gpu", MIT, published.read_alibaba_hours, ALIBABA_NOTE
    ),
}  # fmt: skip
BY_SHAPE: Final = (  # For files without a header: how they begin.
    (
        r"\d{4}-\d\d-\d\d, \d\d:\d\d:\d\d, \d+$",
        Archive("bamboo-gcloud-a100", MIT, lives.read_gcloud_counts, "clock of the recorder taken for UTC"),
    ),
    (r"\d+,(add|remove),\S+$", Archive("bamboo-p3", MIT, lives.read_p3_events, lives.UNDATED_NOTE)),
    (r"\d+,\d+$", Archive("parcae-p3-counts", MIT, lives.read_p3_counts, lives.UNDATED_NOTE)),
    (
        r'\[\d+, "[a-z-]+", \{',
        Archive("parcae-segments", MIT, lives.read_parcae_segments, lives.UNDATED_NOTE),
    ),
    (r'\{\s*"spot_advisor"\s*:', Archive("aws-spot-advisor", APACHE, published.read_advisor)),
)
KNOWN: Final = (
    "spot-traces JSON, GCP weekly prices and tariffs, AWS and Azure on-demand tables, AWS spot change "
    "logs, Azure spot snapshots, Spot Advisor JSON, SkyPilot catalogues, Bamboo, Parcae and Alibaba "
    "traces, run logs of the trainer, Lowtide's own market folders"
)
