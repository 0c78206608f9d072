"""One plain row of every kind of fact beside prices, probes and tenures, and a source of batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from collector.sources.base import Batch

NOW = datetime(2026, 1, 31, tzinfo=UTC)
SPOT = "aws/us-east-1/use1-az1/p3.2xlarge/spot"
PLACE = {"provider": "aws", "region": "us-east-1", "zone": "use1-az4", "sku": "p5.48xlarge"}
GOOD: dict[str, dict[str, Any]] = {
    "bands": {
        **PLACE, "what": "share of runners", "denominator": "running", "horizon_s": 2_592_000.0,
        "window_s": None, "label": "5-10%", "rate_low": 0.05, "rate_high": 0.1, "saving": 0.7,
    },
    "scores": {
        **PLACE, "query": "{}", "scale": "aws 1-10", "outcome": "scored", "score": "9", "refusal": None,
    },
    "interruptions": {
        **PLACE, "event_id": "e-1", "what": "interruption", "witness": "eventbridge", "instance_ref": "i-1",
        "action": "terminate", "notice_s": 120.0,
    },
    "offers": {
        **PLACE, "capacity_type": "capacity_block", "offer_ref": "cb-1", "instances": 4,
        "starts_at": pd.Timestamp(NOW), "ends_at": pd.Timestamp(NOW + timedelta(days=2)),
        "upfront_usd": "18000.50",
    },
    "listings": {
        **PLACE, "gpu_model": "H100-80GB", "gpu_count": 8, "gpu_memory_bytes": 80 * 2**30, "note": None,
    },
    "overheads": {
        "run_id": "run-1", "attempt": 1, "node": "0", "pool_id": SPOT, "what": "pause", "seconds": 2.5,
        "bytes": 10,
    },
    "tariffs": {
        "provider": "aws", "region": "us-east-1", "kind": "internet_egress", "item": "internet",
        "tier": "0-1", "price_usd": "0.09", "unit": "GiB",
    },
}  # fmt: skip


@dataclass
class Given:
    """A source of the batches it is given."""

    given: list[Batch]
    source_id: str = "given"
    kind: str = "recorded"
    licence: str = ""
    note: str = ""
    origin: str = "memory"

    def batches(self) -> Iterator[Batch]:
        yield from self.given
