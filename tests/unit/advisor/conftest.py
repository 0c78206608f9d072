"""Builders of what the advisor reasons about: a V100 job and pools of p3.2xlarge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from advisor.policy_asked import Asked
from advisor.policy_desk import Desk
from advisor.policy_words import told
from collector.figures import Figure
from model.estimate import PoolStatistics
from model.job import Job, Overheads
from model.market import CapacityType, Evidence, Pool, PriceKind, Sku
from model.placement import SideCosts

NOW = datetime(2023, 3, 1, tzinfo=UTC)


class FlatTariffs:
    """Two cents a gigabyte between regions, nine between providers, 2.3 cents to keep one for a month."""

    def egress_usd_per_gb(
        self, from_provider: str, from_region: str, to_provider: str, to_region: str, moved_bytes: float = 0.0
    ) -> Figure:
        """Two cents, or nine."""
        return self._figure("egress", 0.02 if from_provider == to_provider else 0.09, "USD/GB")

    def storage_usd_per_gb_month(self, provider: str) -> Figure:
        """2.3 cents."""
        return self._figure(f"storage {provider}", 0.023, "USD/GB-month")

    def notice_s(self, provider: str) -> Figure:
        """Two minutes."""
        return self._figure(f"notice {provider}", 120.0, "s")

    def refund_s(self, provider: str) -> None:
        """Every second is charged."""

    def jurisdiction(self, provider: str, region: str) -> None:
        """Nobody's law."""

    def commitments_of(self, provider: str, capacity: CapacityType) -> list[Any]:
        """None on sale."""
        return []

    @staticmethod
    def _figure(name: str, value: float, unit: str) -> Figure:
        return Figure(
            name=name, value=value, unit=unit, source="made up", as_of=date(2023, 1, 1), confidence="none"
        )


@pytest.fixture
def tariffs() -> Any:
    """Flat tariffs."""
    return FlatTariffs()


@pytest.fixture
def job() -> Job:
    """One V100 for ten hours, three days to do it in."""
    return Job(
        name="v100-ten-hours",
        gpus=1,
        useful_hours=10.0,
        state_bytes=6_000_000_000,
        throughput={"V100-16GB": 1.0},
        overheads=Overheads(pause_s=10.0, save_lag_s=0.0, boot_s=180.0, restore_s=60.0, warmup_s=60.0),
        deadline_at=NOW + timedelta(hours=72),
    )


@pytest.fixture
def spot() -> Callable[..., PoolStatistics]:
    """Make spot statistics: 0.92 $/h, a preemption in 50 h over 500 h, capacity there now."""

    def make(
        region: str = "us-east-1", price: float = 0.92, hazard: float = 0.02, **other: Any
    ) -> PoolStatistics:
        pool = Pool(
            provider="aws",
            region=region,
            zone=f"name:{region}a",
            sku="p3.2xlarge",
            capacity_type=CapacityType.SPOT,
        )
        made = PoolStatistics(
            pool=pool,
            sku=Sku(provider="aws", name="p3.2xlarge", gpu_model="V100-16GB", gpu_count=1),
            as_of=NOW,
            price_usd_per_hour=price,
            price_kind=PriceKind.RECORDED,
            price_age_s=600.0,
            price_mean_usd_per_hour=price,
            price_log_sd=0.0,
            price_changes=0,
            on_demand_usd_per_hour=3.06,
            evidence=Evidence.PROBES,
            borrowed_from=None,
            preemptions=round(hazard * 500),
            exposure_hours=500.0,
            hazard_shape=hazard * 500,
            hazard_rate_hours=500.0,
            available_share=0.9,
            available_now=True,
            gap_hours=1.0,
            observed_until=NOW,
            sources=("made-up",),
            synthetic=False,
        )
        return replace(made, **other)

    return make


@pytest.fixture
def on_demand(spot: Callable[..., PoolStatistics]) -> Callable[..., PoolStatistics]:
    """Make on-demand statistics at 3.06 $/h."""

    def make(region: str = "us-east-1", price: float = 3.06) -> PoolStatistics:
        made = spot(region, price)
        pool = replace(made.pool, zone=None, capacity_type=CapacityType.ON_DEMAND)
        return replace(
            made,
            pool=pool,
            price_kind=PriceKind.LIST,
            on_demand_usd_per_hour=price,
            evidence=Evidence.CONTRACT,
            preemptions=0,
            exposure_hours=0.0,
            hazard_shape=0.0,
            hazard_rate_hours=0.0,
            available_share=None,
            available_now=None,
            gap_hours=0.0,
        )

    return make


class Unprobed:
    """A service whose statistics are what it is given, and whose capacity nobody ever probed."""

    def __init__(self, pools: tuple[PoolStatistics, ...]) -> None:
        self.pools, self.store = list(pools), self

    def sightings_of(self, pool_keys: list[str], **when: datetime) -> dict[str, Any]:
        """None."""
        return {}

    def statistics(
        self, job: Job, as_of: datetime, window_hours: float
    ) -> tuple[list[PoolStatistics], list[Any]]:
        """All of them, and no refusal."""
        return list(self.pools), []


@pytest.fixture
def decided() -> Callable[..., Any]:
    """Have the policy decide what is asked, on some pools nobody probed; moves are free."""
    free = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)

    def decide(asked: Asked, *pools: PoolStatistics) -> Any:
        return Desk(cast(Any, Unprobed(pools))).decide(asked, lambda seen: free)

    return decide


@pytest.fixture
def answer(decided: Callable[..., Any]) -> Callable[..., Any]:
    """Have a question decided, and the decision told."""

    def tell(asked: Asked, *pools: PoolStatistics) -> Any:
        found = decided(asked, *pools)
        return found, told(found, asked, solve=False)

    return tell


@pytest.fixture
def asking(job: Job, spot: Callable[..., PoolStatistics]) -> Callable[..., Asked]:
    """Ask about a run that has lost its machine in us-east-1, or with `holds` has it."""

    def make(told: Job = job, **other: Any) -> Asked:
        plain: dict[str, Any] = {
            "run_id": "run-1", "job": told, "left": told, "here": spot().pool, "holds": False,
            "owed_hours": 0.0, "as_of": NOW, "stall_share": 0.0, "lag_hours": 0.1,
            "unavailable": frozenset(), "window": timedelta(days=30),
        }  # fmt: skip
        return Asked(**{**plain, **other})

    return make
