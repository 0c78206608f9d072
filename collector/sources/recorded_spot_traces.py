"""skypilot-org/spot-traces: availability probes and running counts, one JSON file per pool.

    spot-traces/{availability|preemption}/{n}-node/{provider}-{mm-dd-yyyy}/{zone}_{machine}.json
    {"metadata": {"gap_seconds": 195}, "data": [1, 1, 0, …], "prices": [1.39, …]}

`availability` gives probes: how many instances could be had at each tick. `preemption` gives
tenures of instances that were kept running; it gives no probes, since a running instance
says nothing of the next one. The first tick is taken to be midnight UTC of the folder's
day: the recorder does not state the hour. Zones are names of the recorder's AWS account,
kept as `name:us-east-1a`, never guessed into zone IDs.

Polarity is an explicit field, because another public copy of these traces carries the
inverse: `available_means` is the value that stands for "available".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from .base import Batch, UnreadableSource
from .files import RecordedFile, json_of
from .lives import lives_of, sightings

MACHINES: Final = {  # The recorder's name -> SKU, by provider.
    ("aws", "v100_1"): "p3.2xlarge",
    ("aws", "v100_8"): "p3.16xlarge",
    ("aws", "k80_1"): "p2.xlarge",
    ("aws", "k80_8"): "p2.8xlarge",
    ("aws", "intel_64"): "intel_64",
    ("gcp", "c3-88"): "c3-88",
}
PLACE: Final = re.compile(
    r"(?P<what>availability|preemption)/(?P<nodes>\d+)-node/"
    r"(?P<folder>(?P<provider>aws|gcp)-(?P<day>\d\d-\d\d-\d{4}))/(?P<zone>[a-z0-9-]+?)_(?P<machine>[^/]+)\.json$"
)
SKYPILOT: Final = "licence not stated beside the data; skypilot-org/spot-traces"
NOTE: Final = (
    "midnight UTC of the folder's day assumed for the first tick; zone names of the recorder's account"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a file's place and name say about it."""

    what: str
    nodes: int
    began_at: datetime
    pool_id: str
    folder: str


def open_spot_trace(path: Path, *, available_means: int = 1) -> RecordedFile:
    """The source for one file.

    Args:
        path: Under `availability/` or `preemption/`, in a folder that states provider and day.
        available_means: The value that stands for "available", 1 or 0.

    Raises:
        UnreadableSource: Place or name do not say which pool, how many nodes and when.
    """
    trace = place_of(path)
    return RecordedFile(
        path=path,
        source_id=f"spot-traces/{trace.what}/{trace.nodes}-node/{trace.folder}",
        licence=SKYPILOT,
        note=NOTE,
        read=partial(read_spot_trace, trace=trace, available_means=available_means),
        reading=f"available_means={available_means}",
    )


def place_of(path: Path) -> Trace:
    """Read the pool, the node count and the day out of a path."""
    found = PLACE.search(path.resolve().as_posix())
    if found is None:
        raise UnreadableSource(
            f"{path.name} is a spot trace, but its path does not say what, how many nodes, where and when.",
            fix="Keep it under availability|preemption/N-node/PROVIDER-MM-DD-YYYY/ZONE_MACHINE.json.",
        )
    provider, zone, machine = found["provider"], found["zone"], found["machine"]
    sku = MACHINES.get((provider, machine))
    if sku is None:
        known = ", ".join(sorted(name for owner, name in MACHINES if owner == provider))
        raise UnreadableSource(
            f"{path.name} names machine {machine!r}; known for {provider} are {known}.",
            fix="Rename the file after a known machine, or report the new one.",
        )
    region, zone_id = (zone[:-1], f"name:{zone}") if provider == "aws" else (zone.rpartition("-")[0], zone)
    return Trace(
        what=found["what"],
        nodes=int(found["nodes"]),
        began_at=datetime.strptime(found["day"], "%m-%d-%Y").replace(tzinfo=UTC),
        pool_id=f"{provider}/{region}/{zone_id}/{sku}/spot",
        folder=found["folder"],
    )


def read_spot_trace(path: Path, *, trace: Trace, available_means: int) -> Iterator[Batch]:
    """Probes of an availability file; tenures, and prices where given, of a preemption file."""
    content = json_of(path)
    counts, gap_s = _counts(content, path)
    ticks = pd.date_range(trace.began_at, periods=len(counts), freq=pd.Timedelta(seconds=gap_s), unit="us")
    if trace.what == "availability":
        yield Batch(probes=_probes(_obtainable(counts, available_means, path), ticks, gap_s, trace))
        return
    yield Batch(
        tenures=sightings(lives_of(counts), ticks, trace.pool_id),
        prices=_prices(content.get("prices"), ticks, trace, path),
    )


def _counts(content: Any, path: Path) -> tuple[np.ndarray, float]:
    """The data as whole numbers, and the tick in seconds."""
    try:
        gap_s = float(content["metadata"]["gap_seconds"])
        counts = np.asarray(content["data"], dtype="float64")
    except (KeyError, TypeError, ValueError) as trouble:
        raise UnreadableSource(
            f"{path.name} is no spot trace: {type(trouble).__name__} {trouble}.",
            fix="A trace has metadata.gap_seconds and data, a list of counts.",
        ) from None
    if gap_s <= 0 or counts.ndim != 1 or not len(counts) or (counts < 0).any() or (counts % 1 != 0).any():
        raise UnreadableSource(
            f"{path.name} has a tick of {gap_s:g} s and {counts.size} values that are not all counts.",
            fix="A trace has a positive gap_seconds and a list of whole numbers.",
        )
    return counts.astype("int64"), gap_s


def _obtainable(counts: np.ndarray, available_means: int, path: Path) -> np.ndarray:
    """Counts of obtainable instances under the stated polarity."""
    if available_means == 1:
        return counts
    if available_means != 0 or counts.max() > 1:
        raise UnreadableSource(
            f"{path.name} holds counts up to {counts.max()}, so polarity {available_means} is senseless.",
            fix="Use available_means=1, or 0 for files that hold only 0 and 1.",
        )
    return 1 - counts


def _probes(obtainable: np.ndarray, ticks: pd.DatetimeIndex, gap_s: float, trace: Trace) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "pool_id": trace.pool_id,
            "effective_at": ticks,
            "observed_at": ticks,
            "wanted": trace.nodes,
            "obtainable": obtainable,
            "holds_s": gap_s,
        }
    )


def _prices(prices: Any, ticks: pd.DatetimeIndex, trace: Trace, path: Path) -> pd.DataFrame | None:
    """Spot prices beside the counts, USD per instance-hour, one per tick."""
    if prices is None:
        return None
    if len(prices) != len(ticks):
        raise UnreadableSource(
            f"{path.name} has {len(prices)} prices for {len(ticks)} ticks.", fix="Fetch the file again."
        )
    return pd.DataFrame(
        {
            "pool_id": trace.pool_id,
            "kind": "recorded",
            "effective_at": ticks,
            "observed_at": ticks,
            "price_usd_per_hour": pd.Series([str(usd) for usd in prices], dtype="str"),
        }
    )
