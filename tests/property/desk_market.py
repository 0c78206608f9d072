"""A market of spot pools and on-demand that nobody probed, for a desk to decide on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from advisor.policy_asked import ASKED_AGAIN_S
from model.cost import SideCosts
from model.estimate import PoolStatistics
from model.job import Job
from model.market import CapacityType, Evidence, Pool, PriceKind, Sku

NOW = datetime(2023, 3, 1, tzinfo=UTC)
AGAIN_H = ASKED_AGAIN_S / 3600.0
FREE = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)


def pool(region: str, zone: str | None, price: float, kind: CapacityType) -> PoolStatistics:
    """Return a pool of machines with one GPU."""
    return PoolStatistics(
        pool=Pool(provider="aws", region=region, zone=zone, sku="p3.2xlarge", capacity_type=kind),
        sku=Sku(provider="aws", name="p3.2xlarge", gpu_model="V100", gpu_count=1),
        as_of=NOW, price_usd_per_hour=price, price_kind=PriceKind.RECORDED, price_age_s=0.0,
        price_mean_usd_per_hour=price, price_log_sd=0.0, price_changes=0, on_demand_usd_per_hour=3.0,
        evidence=Evidence.PROBES, borrowed_from=None, preemptions=1, exposure_hours=10.0, hazard_shape=1.0,
        hazard_rate_hours=10.0, available_share=0.5, available_now=True, gap_hours=1.0, observed_until=NOW,
        sources=(), synthetic=False,
    )  # fmt: skip


class Market:
    """A service as a desk asks it."""

    def __init__(self, pools: Sequence[PoolStatistics]) -> None:
        self.store, self.pools = self, list(pools)

    def sightings_of(self, pool_keys: list[str], **when: datetime) -> dict[str, object]:
        """Nobody looked."""
        return {}

    def statistics(self, job: Job, as_of: datetime, window_hours: float):
        """All of them, and no refusal."""
        return self.pools, []
