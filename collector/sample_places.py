"""Where the embedded market sells: real clouds, regions, zones and machines, invented behaviour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from model.errors import ImpossibleInput
from model.market import CapacityType, Pool

from .catalog import Catalog

ALWAYS: Final = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One spot pool of the embedded market and how it is watched."""

    pool: Pool
    share_figure: str  # Name of the catalogue's figure for spot as a share of on-demand.
    changes_per_day: float  # How often its price changes.
    step_sd: float  # Of log price, per change.
    probed: bool = True
    probed_days: float = ALWAYS  # For how long before the end it has been probed.
    canary: bool = False  # An instance is kept there, so that its tenures are known.

    @property
    def region_key(self) -> tuple[str, str]:
        """What shares the common outages: one machine type's family in one region."""
        return (self.pool.provider, self.pool.region)

    @property
    def on_demand_pool(self) -> Pool:
        """The regional on-demand pool of the same machine."""
        return Pool(
            provider=self.pool.provider, region=self.pool.region, zone=None, sku=self.pool.sku,
            capacity_type=CapacityType.ON_DEMAND,
        )  # fmt: skip

    def on_demand_usd(self, catalog: Catalog) -> Decimal:
        """The list price per instance-hour.

        Raises:
            ImpossibleInput: The catalogue has none for this region.
        """
        price = catalog.list_price(
            self.pool.provider, self.pool.region, self.pool.sku, CapacityType.ON_DEMAND
        )
        if price is None:
            raise ImpossibleInput(
                f"The catalogue has no on-demand price of {self.pool.sku} in {self.pool.region}.",
                fix="Add a [[list_price]] for it to catalog.toml.",
            )
        return price.price_usd_per_hour

    def share(self, catalog: Catalog) -> float:
        """Spot price as a share of on-demand, as published."""
        return catalog.figures[self.share_figure].value


def _aws() -> Iterator[Place]:
    zones = {
        "us-east-1": ("use1-az1", "use1-az4", "use1-az6"),
        "us-east-2": ("use2-az1", "use2-az2"),
        "us-west-2": ("usw2-az1", "usw2-az2", "usw2-az3"),
    }
    for region, ids in zones.items():
        for zone in ids:
            yield Place(
                pool=_spot("aws", region, zone, "p5.48xlarge"), share_figure="spot_share_aws_h100",
                changes_per_day=3.5, step_sd=0.008, canary=True,
            )  # fmt: skip
        if region != "us-east-2":
            for zone in ids[1:]:
                yield Place(
                    pool=_spot("aws", region, zone, "p4de.24xlarge"), share_figure="spot_share_aws_a100",
                    changes_per_day=3.5, step_sd=0.008,
                )  # fmt: skip


def _gcp() -> Iterator[Place]:
    for zone in ("us-central1-a", "us-central1-c", "us-east4-b", "europe-west4-b"):
        yield Place(
            pool=_spot("gcp", zone[:-2], zone, "a3-highgpu-8g"), share_figure="spot_share_gcp_h100",
            changes_per_day=1 / 30, step_sd=0.06,
        )  # fmt: skip
    for zone in ("us-central1-a", "us-central1-c", "europe-west4-a", "us-east4-c"):
        yield Place(
            pool=_spot("gcp", zone[:-2], zone, "a2-ultragpu-8g"), share_figure="spot_share_gcp_a100",
            changes_per_day=1 / 30, step_sd=0.06, probed=zone != "us-east4-c",
        )  # fmt: skip


def _azure() -> Iterator[Place]:
    for region in ("eastus", "westus3", "westeurope", "swedencentral"):
        young = region == "swedencentral"  # Watched for thirty hours: too short for a hazard of its own.
        for sku, figure in (
            ("Standard_ND96isr_H100_v5", "spot_share_azure_h100"),
            ("Standard_ND96amsr_A100_v4", "spot_share_azure_a100"),
        ):
            yield Place(
                pool=_spot("azure", region, None, sku), share_figure=figure,
                changes_per_day=1 / 10, step_sd=0.04, probed_days=1.25 if young else ALWAYS,
            )  # fmt: skip


def _nebius() -> Iterator[Place]:
    yield Place(
        pool=_spot("nebius", "eu-north1", None, "gpu-h100-sxm_8gpu-128vcpu-1600gb"),
        share_figure="spot_share_nebius_h100", changes_per_day=0.0, step_sd=0.0,
    )  # fmt: skip


def _spot(provider: str, region: str, zone: str | None, sku: str) -> Pool:
    return Pool(provider=provider, region=region, zone=zone, sku=sku, capacity_type=CapacityType.SPOT)


PLACES: Final = (*_aws(), *_gcp(), *_azure(), *_nebius())
