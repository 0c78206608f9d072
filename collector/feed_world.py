"""What a live source is built from: credentials by name, the clock, what the store knows already.

Connections are opened once and kept between passes: loading boto3's model of EC2 takes longer than
many a pass. Everything here may be used from several threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import httpx

from model.market import Pool

from .feed_config import Feed
from .sources.aws_clients import ClientFor, aws_clients
from .sources.web import PATIENT, Patience

TIMEOUT_S: Final = 30.0
T = TypeVar("T")
F = TypeVar("F", bound=Feed)


class Kept:
    """Things that are made once and used again: clients, and sources that remember a tag."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._things: dict[object, Any] = {}

    def keep(self, name: object, make: Callable[[], T]) -> T:
        """The thing of this name, made on first use."""
        with self._lock:
            if name not in self._things:
                self._things[name] = make()
            thing: T = self._things[name]
            return thing

    def http(self, base_url: str) -> httpx.Client:
        """A client of one address."""
        return self.keep(("http", base_url), lambda: httpx.Client(base_url=base_url, timeout=TIMEOUT_S))

    def aws(self, profile: str | None) -> ClientFor:
        """A maker of AWS clients, each made once.

        Raises:
            SourceSkipped: There is no such profile.
        """
        made = self.keep(("aws", profile), lambda: aws_clients(profile))

        def client_for(service: str, region: str) -> Any:
            return self.keep(("aws", profile, service, region), lambda: made(service, region))

        return client_for

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            things, self._things = self._things, {}
        for thing in things.values():
            if isinstance(thing, httpx.Client):
                thing.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What every feed is handed.

    Args:
        environ: Where credentials are looked up by name, anew each time.
        now: Aware UTC.
        since: Source id to the newest effective instant that the store has of it.
        watched: Pools that the store knows.
        asked: Source id and the refusal of questions never sent, to questions of the last day.
        kept: Clients.
        patience: How long a busy feed is asked again.
    """

    environ: Mapping[str, str] = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)
    since: Callable[[str], datetime | None] = field(repr=False)
    watched: Callable[[], frozenset[Pool]] = field(repr=False)
    asked: Callable[[str, str], frozenset[str]] = field(repr=False)
    kept: Kept = field(default_factory=Kept, repr=False)
    patience: Patience = field(default=PATIENT, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Generic[F]):
    """What one pass is to read."""

    feed: F
    region: str | None = None  # None: every region that the feed names.
    cadence_s: float = 600.0
    since: datetime | None = None  # Instead of what the store has, where the provider keeps a history.
