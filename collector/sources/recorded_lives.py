"""Instance lives of training papers: Bamboo's and Parcae's traces of AWS p3 and GCP a2 fleets.

Bamboo's GCP series has dates and a zone, and becomes tenures of that pool (its clock is
taken for UTC). The AWS p3 events and everything of Parcae state neither date nor place nor
machine size: they are kept for the study of lifetimes, with times counted from 1970-01-01, in
pools of region `unrecorded` (p3.2xlarge assumed), one pool per trace. No ranking and no hazard
of a real pool ever sees those, and Parcae's cuts, which come from the same collection as
Bamboo's events, are never added to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pandas as pd

from .base import UNRECORDED, Batch, UnreadableSource
from .files import csv_of, parse_json, text_of
from .lives import lives_of, sightings

EPOCH: Final = pd.Timestamp("1970-01-01", tz="UTC")
GCLOUD_POOL: Final = "gcp/us-east1/us-east1-b/a2-highgpu-1g/spot"  # From the file's name: a100x1, east1b.
UNDATED_NOTE: Final = "no date, place or machine size recorded: times from 1970-01-01, p3.2xlarge assumed"


def read_gcloud_counts(path: Path) -> Iterator[Batch]:
    """Bamboo: date, time and live count of GCP machines with one A100."""
    table = csv_of(path, ["date", "time", "count"])
    at = pd.to_datetime(table["date"] + "T" + table["time"], utc=True, format="ISO8601", errors="coerce")
    counts = _counts(table["count"], path)
    if at.isna().any() or not at.is_monotonic_increasing:
        raise UnreadableSource(
            f"{path.name} has times that are unreadable or run backwards.", fix="Fetch it again."
        )
    yield Batch(tenures=sightings(lives_of(counts.to_numpy()), pd.DatetimeIndex(at), GCLOUD_POOL))


def read_p3_events(path: Path) -> Iterator[Batch]:
    """Bamboo: milliseconds, add or remove, node."""
    table = csv_of(path, ["t_ms", "event", "node"])
    events = [
        (int(ms), str(event), [str(node)])
        for ms, event, node in zip(_counts(table["t_ms"], path), table["event"], table["node"], strict=True)
    ]
    yield Batch(tenures=_named_lives(events, _undated_pool(path)))


def read_p3_counts(path: Path) -> Iterator[Batch]:
    """Parcae: milliseconds and live count, one line per change; the last of an instant stands."""
    table = csv_of(path, ["t_ms", "count"]).apply(lambda column: _counts(column, path))
    table = table.drop_duplicates("t_ms", keep="last")
    ticks = pd.DatetimeIndex(EPOCH + pd.to_timedelta(table["t_ms"], unit="ms"))
    yield Batch(tenures=sightings(lives_of(table["count"].to_numpy()), ticks, _undated_pool(path)))


def read_parcae_segments(path: Path) -> Iterator[Batch]:
    """Parcae: JSON lines of [t_ms, add | remove | other, {nodes, …}]; other lines move no node."""
    lines = [parse_json(line, path) for line in text_of(path).splitlines() if line]
    try:
        events = [(int(ms), str(event), [str(node) for node in what["nodes"]]) for ms, event, what in lines]
    except (TypeError, ValueError, KeyError) as trouble:
        raise UnreadableSource(
            f"{path.name} has a line that is not [time, event, nodes] ({trouble!r}).", fix="Fetch it again."
        ) from None
    yield Batch(tenures=_named_lives(events, _undated_pool(path)))


def _undated_pool(path: Path) -> str:
    """A pool of its own for one trace without a place."""
    return f"aws/{UNRECORDED}/trace:{path.name.partition('.')[0]}/p3.2xlarge/spot"


def _counts(column: pd.Series, path: Path) -> pd.Series:
    """A text column as whole numbers of 0 or more."""
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().any() or (numbers < 0).any() or (numbers % 1 != 0).any():
        raise UnreadableSource(
            f"{path.name} has a {column.name} that is no whole number of 0 or more.", fix="Fetch it again."
        )
    return numbers.astype("int64")


def _named_lives(events: list[tuple[int, str, list[str]]], pool_id: str) -> pd.DataFrame:
    """Tenures of named nodes: removed is preempted; what is left at the last event is censored."""
    began: dict[str, int] = {}
    first, last = events[0][0], events[-1][0]
    rows: list[dict[str, Any]] = []
    for ms, event, nodes in events:
        for node in nodes:
            if event == "add":
                began[node] = ms
            elif event == "remove" and node in began:
                rows.append(_row(node, began.pop(node), ms, ms, first))
    rows += [_row(node, since, None, last, first) for node, since in began.items()]
    return pd.DataFrame(rows).assign(pool_id=pool_id)


def _row(node: str, began_ms: int, ended_ms: int | None, seen_ms: int, first_ms: int) -> dict[str, Any]:
    """One row of `tenures`."""
    return {
        "instance_ref": node,
        "began_at": EPOCH + pd.Timedelta(milliseconds=began_ms),
        "ended_at": pd.NaT if ended_ms is None else EPOCH + pd.Timedelta(milliseconds=ended_ms),
        "end_cause": None if ended_ms is None else "preempted",
        "began_before": began_ms == first_ms,
        "observed_at": EPOCH + pd.Timedelta(milliseconds=seen_ms),
    }
