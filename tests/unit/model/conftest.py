"""Builders of the model's nouns with plain defaults, so that a test names only what it is about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from model.estimate import PoolStatistics
from model.job import Constraints, Job, Overheads
from model.market import CapacityType, Evidence, Pool, PoolHistory, PriceKind, Sku
from model.signals import Denominator, Signal

AS_OF = datetime(2026, 3, 2, tzinfo=UTC)
GPU = "H100-80GB"


def a_pool(**changes: Any) -> Pool:
    plain: dict[str, Any] = {
        "provider": "aws",
        "region": "us-east-1",
        "zone": "use1-az4",
        "sku": "p5.48xlarge",
        "capacity_type": CapacityType.SPOT,
    }
    return Pool(**plain | changes)


@pytest.fixture
def as_of() -> datetime:
    return AS_OF


@pytest.fixture
def pool() -> Callable[..., Pool]:
    return a_pool


@pytest.fixture
def history() -> Callable[..., PoolHistory]:
    """A pool history of 30 days with a price of 10 USD/h and nothing else seen."""

    def build(**changes: Any) -> PoolHistory:
        plain: dict[str, Any] = {
            "pool": a_pool(),
            "sku": Sku(provider="aws", name="p5.48xlarge", gpu_model=GPU, gpu_count=8),
            "as_of": AS_OF,
            "window": timedelta(days=30),
            "price_usd_per_hour": Decimal(10),
            "price_kind": PriceKind.RECORDED,
            "price_effective_at": AS_OF - timedelta(hours=2),
            "price_observed_at": AS_OF - timedelta(hours=1),
            "price_mean_usd_per_hour": None,
            "price_log_sd": None,
            "price_changes": 0,
            "on_demand_usd_per_hour": Decimal(40),
            "tenure_preemptions": 0,
            "tenure_exposure_hours": 0.0,
            "probe_drops": 0,
            "probe_up_hours": 0.0,
            "probe_observed_hours": 0.0,
            "probe_gaps": 0,
            "probe_gap_hours": 0.0,
            "available_now": True,
            "observed_from": None,
            "observed_until": None,
            "sources": ("fake",),
            "synthetic": True,
        }
        return PoolHistory(**plain | changes)

    return build


@pytest.fixture
def statistics() -> Callable[..., PoolStatistics]:
    """Statistics of a pool at 10 USD/h against 40, 1 preemption in 10 h, gaps of 1 h, capacity now."""

    def build(**changes: Any) -> PoolStatistics:
        plain: dict[str, Any] = {
            "pool": a_pool(),
            "sku": Sku(provider="aws", name="p5.48xlarge", gpu_model=GPU, gpu_count=8),
            "as_of": AS_OF,
            "price_usd_per_hour": 10.0,
            "price_kind": PriceKind.RECORDED,
            "price_age_s": 3600.0,
            "price_mean_usd_per_hour": 10.0,
            "price_log_sd": 0.0,
            "price_changes": 0,
            "on_demand_usd_per_hour": 40.0,
            "evidence": Evidence.PROBES,
            "borrowed_from": None,
            "preemptions": 50,
            "exposure_hours": 500.0,
            "hazard_shape": 50.0,
            "hazard_rate_hours": 500.0,
            "available_share": 0.9,
            "available_now": True,
            "gap_hours": 1.0,
            "observed_until": AS_OF,
            "sources": ("fake",),
            "synthetic": True,
        }
        return PoolStatistics(**plain | changes)

    return build


@pytest.fixture
def on_demand(statistics: Callable[..., PoolStatistics]) -> PoolStatistics:
    """The same machine on-demand at 40 USD/h."""
    return statistics(
        pool=a_pool(capacity_type=CapacityType.ON_DEMAND),
        price_usd_per_hour=40.0,
        price_mean_usd_per_hour=40.0,
        evidence=Evidence.CONTRACT,
        preemptions=0,
        exposure_hours=0.0,
        hazard_shape=0.0,
        hazard_rate_hours=0.0,
        gap_hours=0.0,
    )


@pytest.fixture
def job() -> Callable[..., Job]:
    """24 h on 8 GPUs; a save stops training 180 s, a restart takes 720 s."""

    def build(**changes: Any) -> Job:
        overheads = {
            "pause_s": 180.0,
            "save_lag_s": 0.0,
            "boot_s": 480.0,
            "restore_s": 180.0,
            "warmup_s": 60.0,
        }
        overheads |= changes.pop("overheads", {})
        limits = {"max_lost_work_s": changes.pop("max_lost_work_s", None)}
        plain: dict[str, Any] = {
            "name": "example",
            "gpus": 8,
            "useful_hours": 24.0,
            "state_bytes": 10**11,
            "throughput": {GPU: 1.0},
            "overheads": Overheads(**overheads),
            "constraints": Constraints(**limits),
        }
        return Job(**plain | changes)

    return build


@pytest.fixture
def signal() -> Callable[..., Signal]:
    """The Advisor's 5-10 % of the machines running in a month, three days old."""

    def build(**changes: Any) -> Signal:
        plain: dict[str, Any] = {
            "provider": "aws",
            "region": "us-east-1",
            "zone": None,
            "sku": "p5.48xlarge",
            "source_id": "aws-spot-advisor-live",
            "what": "AWS Spot Advisor: share of running spot instances interrupted in the trailing month",
            "label": "5-10%",
            "denominator": Denominator.RUNNING,
            "horizon_s": 720 * 3600.0,
            "window_s": 720 * 3600.0,
            "rate_low": 0.05,
            "rate_high": 0.10,
            "effective_at": AS_OF - timedelta(days=3),
            "observed_at": AS_OF - timedelta(days=3),
            "age_s": 3 * 86_400.0,
        }
        return Signal(**plain | changes)

    return build


@pytest.fixture
def hourly(signal: Callable[..., Signal]) -> Callable[..., Signal]:
    """Azure's 5-10 % per hour over 28 days."""
    azure = {
        "provider": "azure",
        "source_id": "azure-eviction",
        "what": "Azure Resource Graph: share of running spot machines evicted per hour",
        "label": "5-10",
        "horizon_s": 3600.0,
        "window_s": 672 * 3600.0,
    }
    return lambda **changes: signal(**azure | changes)


@pytest.fixture
def stopped(signal: Callable[..., Signal]) -> Callable[..., Signal]:
    """Google's quarter of the machines that stopped in a day."""
    google = {
        "provider": "gcp",
        "source_id": "gcp-capacity-history",
        "what": "Google capacityHistory",
        "label": None,
        "denominator": Denominator.STOPPED,
        "horizon_s": 86_400.0,
        "window_s": 86_400.0,
        "rate_low": 0.25,
        "rate_high": 0.25,
    }
    return lambda **changes: signal(**google | changes)
