"""What tests of neoclouds read off a source, and the client that talks to its fake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal

import httpx
from conformance import SECRET, facts_of
from json_fake import Answer, served

from collector.sources.base import Source


@contextmanager
def clients() -> Iterator[Callable[..., httpx.Client]]:
    """Makes an httpx client of a fake that answers so, under a path."""
    with ExitStack() as stack:

        def build(answer: Answer, path: str = "") -> httpx.Client:
            fake = stack.enter_context(served(answer))
            return stack.enter_context(httpx.Client(base_url=fake.url + path))

        yield build


def key() -> str:
    return SECRET


def priced(source: Source) -> dict[str, Decimal]:
    frame = facts_of(source)["prices"]
    return {k: Decimal(usd) for k, usd in zip(frame["pool_id"], frame["price_usd_per_hour"], strict=True)}


def probed(source: Source) -> dict[str, int]:
    frame = facts_of(source)["probes"]
    return dict(zip(frame["pool_id"], frame["obtainable"], strict=True))


def rejected(source: Source) -> list[str]:
    frames = [batch.rejected for batch in source.batches() if batch.rejected is not None]
    return [reason for frame in frames for reason in frame["reason"]]
