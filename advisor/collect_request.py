"""What a request to collect asks for, once it is known to make sense."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from collector.feed_config import FeedsConfig
from model.errors import ImpossibleInput

from .answers import instant
from .wire import CollectRequest

if TYPE_CHECKING:
    from collector.feeds import Job


def asked_jobs(request: CollectRequest, config: FeedsConfig, now: datetime) -> list[Job]:
    """Return the jobs of one feed, or of all that are configured.

    Args:
        request: Of a live feed.
        config: What is configured.
        now: The service's clock.

    Raises:
        ImpossibleInput: `all` without a feed, an instant in the future or of no use, a region that
            cannot be, a feed that has to be configured first.
    """
    from collector.feeds import jobs

    names = list(config.feeds) if request.source == "all" else [request.source]
    if not names:
        raise ImpossibleInput(
            "No feed is configured, so there is nothing that `all` could mean.",
            fix="Name a feed, or add [collect.…] tables to lowtide.toml; docs/collect.md shows them.",
        )
    if request.since is not None:
        _check_since(request.since, request.source, names, now)
    return jobs(config, names, regions=tuple(request.regions))


def _check_since(since: datetime, source: str, names: Sequence[str], now: datetime) -> None:
    """Refuse an instant that no source could be asked from on."""
    from collector.feeds import takes_since

    if since > now:
        raise ImpossibleInput(
            f"The instant {instant(since)} lies in the future.", fix="Give a --since that is past."
        )
    if not any(takes_since(name) for name in names):
        raise ImpossibleInput(
            f"{source} publishes the present, or a history of its own length; it cannot be asked from an "
            "instant on.",
            fix="Leave --since away.",
        )
