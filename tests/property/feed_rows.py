"""Rows as a feed would deliver them, good ones and what goes wrong with them; each kind of fact has some.

A `Row` is one delivered line with the reason it must be turned away for, None for a good one.
Hours count from T0; the store's clock stands at NOW. All prices lie within 1 to 3 USD, far
below what the list price of the machine (3.06) allows, so that a hundredfold is seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pandas as pd

from collector.sources.base import Batch

T0: Final = datetime(2026, 1, 1, tzinfo=UTC)
NOW: Final = T0 + timedelta(days=9)
SPOT: Final = "aws/us-east-1/use1-az1/p3.2xlarge/spot"
POOLS: Final = (SPOT, "aws/us-west-2/usw2-az2/p3.2xlarge/spot", "aws/us-east-1/-/p3.2xlarge/on_demand")
TICK_S: Final = 3600.0
PLACE: Final = {"provider": "aws", "region": "us-east-1", "zone": "use1-az4", "sku": "p5.48xlarge"}
AHEAD, LONG_AGO = NOW + timedelta(days=1), datetime(1970, 1, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """One line of a feed."""

    kind: str  # prices, probes…: a field of Batch.
    columns: tuple[tuple[str, Any], ...]
    reason: str | None = None

    def but(self, reason: str, **changes: Any) -> Row:
        """The same line with something wrong with it."""
        return Row(self.kind, tuple({**dict(self.columns), **changes}.items()), reason)


def at(hour: float) -> datetime:
    return T0 + timedelta(hours=hour)


def price(pool: str, hour: int, delay: int, usd: str) -> Row:
    columns = {
        "pool_id": pool, "kind": "recorded", "effective_at": at(hour), "observed_at": at(hour + delay),
        "price_usd_per_hour": usd, "currency": "USD", "unit": "hour",
    }  # fmt: skip
    return Row("prices", tuple(columns.items()))


def signal(kind: str, k: int, hour: int) -> Row:
    """The k-th fact of another kind, observed at that hour."""
    seen = {"observed_at": at(hour), "effective_at": at(hour)}
    columns = {
        "probes": {"pool_id": POOLS[k % 2], "wanted": 1, "obtainable": k // 2 % 2, "holds_s": TICK_S, **seen},
        "tenures": {"pool_id": SPOT, "instance_ref": f"i-{k}", "began_at": at(0), "ended_at": None,
                    "end_cause": None, "began_before": False, "observed_at": at(hour)},
        "bands": {**PLACE, "what": "share", "denominator": "running", "horizon_s": 3600.0, "window_s": None,
                  "label": None, "rate_low": k / 8, "rate_high": None, "saving": None, **seen},
        "scores": {**PLACE, "query": "{}", "scale": "aws 1-10", "outcome": "scored", "score": str(k + 1),
                   "refusal": None, **seen},
        "interruptions": {**PLACE, "event_id": f"e-{k}", "what": "interruption", "witness": "eventbridge",
                          "instance_ref": f"i-{k}", "action": None, "notice_s": 120.0, "effective_at": at(0),
                          "observed_at": at(hour), "sku": "p5.48xlarge" if hour % 2 else None},
        "offers": {**PLACE, "capacity_type": "capacity_block", "offer_ref": f"cb-{k}", "instances": k + 1,
                   "starts_at": AHEAD, "ends_at": AHEAD + timedelta(days=1), "upfront_usd": f"{k + 1}.10",
                   **seen},
        "listings": {**PLACE, "gpu_model": "H100-80GB", "gpu_count": k + 1, "gpu_memory_bytes": None,
                     "note": None, **seen},
        "overheads": {"run_id": "run-1", "attempt": 1, "node": "0", "pool_id": SPOT, "what": "pause",
                      "seconds": k / 3, "bytes": None if k % 2 else k, **seen},
    }[kind]  # fmt: skip
    return Row(kind, tuple(columns.items()))


SIGNALS: Final = ("probes", "tenures", "bands", "scores", "interruptions", "offers", "listings", "overheads")


def wrong_prices(row: Row) -> list[Row]:
    """What becomes of a good price on a bad line: unit, currency, clock, jump."""
    known = dict(row.columns)
    usd = float(known["price_usd_per_hour"])
    dear = "spot price above 10 times on-demand"
    if known["pool_id"].endswith("on_demand"):
        dear = "on-demand price above 10 times list"
    return [
        row.but(dear, price_usd_per_hour=f"{usd * 100:.2f}"),  # In cents, or a jump: nobody can tell which.
        row.but(dear, price_usd_per_hour=f"{usd * 730:.2f}"),  # Per month, without a word.
        row.but("unit is not an hour", price_usd_per_hour=f"{usd * 730:.2f}", unit="month"),
        row.but("currency is not USD", currency="EUR"),
        row.but("price is not a number", price_usd_per_hour="NaN"),
        row.but("price is not a number", price_usd_per_hour=None),
        row.but("price is not positive", price_usd_per_hour="0"),
        row.but("price is not positive", price_usd_per_hour=f"-{usd}"),
        row.but("SKU is in no catalogue", pool_id="aws/us-east-1/use1-az1/p99.nano/spot"),
    ]


def wrong_clocks(row: Row) -> list[Row]:
    """A clock that runs ahead, stands before there were clouds, or is missing."""
    clock = "began_at" if row.kind == "tenures" else "effective_at"
    return [
        row.but(f"{clock} lies in the future", **{clock: AHEAD}),
        row.but(f"{clock} lies before there were clouds", **{clock: LONG_AGO}),
        row.but("observed_at lies in the future", observed_at=AHEAD),
        row.but("no observed_at", observed_at=None),
    ]


WRONG: Final[dict[str, dict[str, dict[str, Any]]]] = {  # Kind -> reason -> what stands in the line.
    "probes": {
        "impossible count of instances": {"obtainable": 2},
        "probe holds for no time": {"holds_s": 0.0},
        "probe asks for no instance": {"wanted": None},
    },
    "tenures": {
        "tenure ends without a cause": {"ended_at": at(0)},
        "no instance_ref": {"instance_ref": None},
    },
    "bands": {
        "share lies outside 0 to 1": {"rate_low": 20.0},
        "band ends below its beginning": {"rate_low": 0.9, "rate_high": 0.5},
        "no region": {"region": ""},
    },
    "scores": {"unknown outcome": {"outcome": "perhaps"}, "scored without a score": {"score": None}},
    "interruptions": {
        "unknown witness": {"witness": "neighbour"},
        "unknown sort of interruption": {"what": "?"},
    },
    "offers": {
        "offer ends before it starts": {"ends_at": at(0)},
        "offer of no machine": {"instances": 0},
        "fee is no positive number": {"upfront_usd": "NaN"},
    },
    "listings": {"listing of no GPU": {"gpu_count": 0}, "no gpu_model": {"gpu_model": None}},
    "overheads": {
        "unknown kind of overhead": {"what": "nap"},
        "negative bytes": {"bytes": -1},
        "seconds are no time": {"seconds": float("nan")},
    },
}


def wrong(row: Row) -> list[Row]:
    """Every way a good line of any kind goes wrong."""
    if row.kind == "prices":
        return wrong_prices(row) + wrong_clocks(row)
    return [row.but(reason, **changes) for reason, changes in WRONG[row.kind].items()] + wrong_clocks(row)


def batch(rows: list[Row]) -> Batch:
    """Lines of any kinds as one batch, in their order."""
    kinds = {row.kind for row in rows}
    return Batch(
        **{
            kind: pd.DataFrame([dict(row.columns) for row in rows if row.kind == kind])
            for kind in sorted(kinds)
        }
    )


@dataclass
class Feed:
    """A source of batches that breaks after so many of them."""

    given: list[Batch]
    source_id: str = "feed"
    breaks_after: int | None = None
    kind: str = "recorded"
    licence: str = ""
    note: str = ""
    origin: str = "memory"

    def batches(self) -> Iterator[Batch]:
        for number, each in enumerate(self.given):
            if number == self.breaks_after:
                raise ConnectionResetError("the line went dead")
            yield each
