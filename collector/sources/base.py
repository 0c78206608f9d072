"""What every source hands over: batches of facts as frames, rejects with their reasons.

A source knows its provider's or archive's quirks and leaves them behind: what comes out is
UTC, USD per instance-hour, pools by key. It does not touch the store, and it never fills a
hole: what was not observed is absent.

Frames (pandas), one row per observation:

    prices    pool_id, effective_at, observed_at, price_usd_per_hour (text, so that no digit is
              lost), kind; optional currency and unit
    probes    pool_id, effective_at, observed_at, wanted, obtainable, holds_s
    tenures   pool_id, instance_ref, began_at, ended_at, end_cause, began_before, observed_at
    bands, tariffs, inventory, demand    columns of the tables of schema/0002_published.sql; bands
              also those of schema/0008_signals.sql: zone, denominator, window_s, label
    scores, interruptions, offers, listings    columns of the tables of schema/0004_signals.sql
    overheads    columns of the table of schema/0006_overheads.sql
    rejected  reason, content (the row as JSON)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final, Protocol

import pandas as pd

from model.errors import EnvironmentTrouble, ImpossibleInput
from model.market import Sku

UNRECORDED: Final = "unrecorded"  # The region of a trace whose recorder did not say where or when.
FACTS: Final = (
    "prices", "probes", "tenures", "bands", "tariffs", "inventory", "demand",
    "scores", "interruptions", "offers", "listings", "overheads",
)  # fmt: skip


class UnreadableSource(ImpossibleInput):
    """A file or an answer that is truncated, foreign, or not what its header promises."""

    slug = "unreadable-source"


class SourceSkipped(EnvironmentTrouble):
    """A source that may not be read: no credential, no permission, a region not opted in."""

    slug = "source-skipped"


class SourceUnavailable(EnvironmentTrouble):
    """A feed that did not answer within its budget. What was read of it before is kept."""

    slug = "source-unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Facts that are written together, in one transaction."""

    prices: pd.DataFrame | None = None
    probes: pd.DataFrame | None = None
    tenures: pd.DataFrame | None = None
    bands: pd.DataFrame | None = None
    tariffs: pd.DataFrame | None = None
    inventory: pd.DataFrame | None = None
    demand: pd.DataFrame | None = None
    scores: pd.DataFrame | None = None
    interruptions: pd.DataFrame | None = None
    offers: pd.DataFrame | None = None
    listings: pd.DataFrame | None = None
    overheads: pd.DataFrame | None = None
    rejected: pd.DataFrame | None = None
    skus: tuple[Sku, ...] = ()

    def facts(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """The frames that hold rows, by name; rejects are not facts."""
        for field in fields(self):
            frame = getattr(self, field.name)
            if field.name in FACTS and frame is not None and len(frame):
                yield field.name, frame


class Source(Protocol):
    """One feed or file. Reading it twice gives the same batches."""

    @property
    def source_id(self) -> str:
        """Stable name of the feed or data set; facts are keyed by it."""

    @property
    def kind(self) -> str:
        """recorded, list or synthetic: a price of one kind never passes for another."""

    @property
    def licence(self) -> str:
        """Under which terms the facts were obtained."""

    @property
    def note(self) -> str:
        """What reading it had to assume, in words."""

    @property
    def origin(self) -> str:
        """The file or address that is read."""

    def batches(self) -> Iterator[Batch]:
        """Read it.

        The next batch is asked for only when the last one is committed, so a queue may
        acknowledge there what it handed over.

        Raises:
            UnreadableSource: It is truncated or not what it claims to be.
            SourceSkipped: A live source lacks a credential or a permission.
            SourceUnavailable: A live source did not answer within its budget.
        """


def reject(frame: pd.DataFrame, reason: str) -> pd.DataFrame:
    """Rows that were turned away, as reason and content."""
    lines = frame.to_json(orient="records", lines=True, date_format="iso").splitlines()
    content = [line for line in lines if line]  # An empty frame gives one empty line.
    return pd.DataFrame({"reason": reason, "content": pd.Series(content, dtype="str")})


def pool_keys(
    provider: str, region: pd.Series, zone: pd.Series | str, sku: pd.Series | str, capacity_type: str
) -> pd.Series:
    """Pool keys of a whole column; `zone` is `-` where a pool is regional."""
    return provider + "/" + region + "/" + zone + "/" + sku + "/" + capacity_type
