"""Tenures out of what recorders wrote: running counts over time, or additions and removals.

A count says how many instances run, not which. Slot k is taken to be alive while the count
is at least k, so a rise fills the lowest free slot and a fall empties the highest: the
lives that need the fewest replacements. Every fall counts as a preemption, since the
recorders kept asking for the full number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

SIGHTING_S = 3600.0  # How often a running instance is noted as alive, so that no backtest sees its end.


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One instance: indices into the recorder's ticks; `end` is None while it still ran at the last."""

    ref: str
    begin: int
    end: int | None
    began_before: bool


def lives_of(counts: np.ndarray) -> Iterator[Life]:
    """The lives behind a series of running counts (whole numbers, one per tick)."""
    for slot in range(1, int(counts.max(initial=0)) + 1):
        alive = np.concatenate([[False], counts >= slot, [False]])
        changes = np.flatnonzero(alive[1:] != alive[:-1])
        for begin, end in zip(changes[::2], changes[1::2], strict=True):
            yield Life(
                ref=f"slot-{slot}",
                begin=int(begin),
                end=None if end == len(counts) else int(end),
                began_before=bool(begin == 0),
            )


def sightings(lives: Iterator[Life], ticks: pd.DatetimeIndex, pool_id: str) -> pd.DataFrame:
    """Rows of `tenures`: each life when it began, about hourly while it ran, and when it ended.

    A life still running at the last tick is censored: its newest sighting has no end.
    """
    elapsed_s = (ticks - ticks[0]).total_seconds().to_numpy()
    hourly = np.flatnonzero(np.diff(elapsed_s // SIGHTING_S) > 0) + 1
    columns: list[tuple[str, int, int, int, bool]] = []
    for life in lives:
        last = len(ticks) - 1 if life.end is None else life.end
        seen = np.unique(
            np.concatenate([[life.begin], hourly[(hourly > life.begin) & (hourly < last)], [last]])
        )
        end = -1 if life.end is None else life.end
        columns += [(life.ref, life.begin, int(i), end if i == end else -1, life.began_before) for i in seen]
    frame = pd.DataFrame(columns, columns=["instance_ref", "begin", "seen", "end", "began_before"])
    ended = frame["end"] >= 0
    return pd.DataFrame(
        {
            "pool_id": pool_id,
            "instance_ref": frame["instance_ref"].astype("str"),
            "began_at": ticks[frame["begin"]],
            "ended_at": pd.Series(ticks[frame["end"]]).where(ended),
            "end_cause": pd.Series("preempted", index=frame.index, dtype="str").where(ended),
            "began_before": frame["began_before"].astype("bool"),
            "observed_at": ticks[frame["seen"]],
        }
    )
