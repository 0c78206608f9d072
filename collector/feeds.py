"""The registry of live feeds: which sources there are, how often each is asked, when it is stale.

A family is sources that are asked in one way at one pace. A job is what a schedule runs: a family,
in one region where regions are named. Adding a feed is a line here and a function in
`feed_sources`; nothing else has to know it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from model.errors import ImpossibleInput

from . import feed_google as google
from . import feed_sources as build
from .feed_config import AwsFeed, Feed, FeedsConfig, placed
from .feed_world import Order, World
from .sources.base import Source

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86400.0
JITTER: Final = 0.1  # Of the cadence: the passes of many installations must not meet at one provider.
MOST_JITTER_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Family:
    """Sources of one kind.

    `history_s` is how far back the provider answers: a gap that is no longer is filled by the next
    pass. `needs` are the settings of the feed without which nothing of this kind is asked.
    """

    name: str
    feed: str
    build: build.Build = field(repr=False)
    cadence_s: float
    stale_after_s: float
    history_s: float = field(default=0.0, kw_only=True)
    takes_since: bool = field(default=False, kw_only=True)  # It can be asked from an instant on.
    by_region: bool = field(default=False, kw_only=True)  # One job per region, where regions are named.
    needs: tuple[str, ...] = field(default=(), kw_only=True)

    def wanted(self, feed: Feed) -> bool:
        """Whether the feed's settings ask for this kind."""
        return all(getattr(feed, name) for name in self.needs)


# Name, feed, what builds its sources, seconds between two passes, seconds until it is stale.
FAMILIES: Final[tuple[Family, ...]] = (
    Family("aws-spot-prices", "aws", build.aws_regional("aws-spot-prices"), 10 * MINUTE, HOUR,
           history_s=90 * DAY, takes_since=True, by_region=True),
    Family("aws-on-demand", "aws", build.aws_regional("aws-on-demand"), DAY, 3 * DAY, by_region=True),
    Family("aws-types", "aws", build.aws_regional("aws-types"), DAY, 3 * DAY, by_region=True),
    Family("aws-spot-advisor", "aws", build.aws_advisor, DAY, 3 * DAY),
    Family("aws-placement-scores", "aws", build.aws_scores, 30 * MINUTE, 2 * HOUR, needs=("placement",)),
    Family("aws-events", "aws", build.aws_events, MINUTE, 10 * MINUTE, history_s=4 * DAY, needs=("queues",)),
    Family("aws-capacity-blocks", "aws", build.aws_capacity_blocks, HOUR, 6 * HOUR,
           needs=("capacity_blocks",)),
    Family("gcp-catalog", "gcp", google.gcp_catalog, DAY, 3 * DAY),
    Family("gcp-machine-types", "gcp", google.gcp_machine_types, DAY, 3 * DAY, needs=("project",)),
    Family("gcp-capacity-history", "gcp", google.gcp_capacity_history, DAY, 3 * DAY, history_s=30 * DAY,
           needs=("project", "machines", "locations")),
    Family("gcp-capacity-advice", "gcp", google.gcp_capacity_advice, HOUR, 4 * HOUR,
           needs=("project", "advice")),
    Family("gcp-preemptions", "gcp", google.gcp_preemptions, 5 * MINUTE, HOUR, history_s=400 * DAY,
           takes_since=True, needs=("project", "preemptions")),
    Family("azure-retail-prices", "azure", build.azure_prices, DAY, 3 * DAY),
    Family("azure-eviction", "azure", build.azure_eviction, DAY, 3 * DAY, needs=("eviction",)),
    Family("azure-placement-scores", "azure", build.azure_scores, HOUR, 4 * HOUR,
           needs=("placement", "subscription")),
    Family("nebius", "nebius", build.nebius, DAY, 3 * DAY),
    Family("lambda", "lambda", build.lambda_cloud, 5 * MINUTE, HOUR),
    Family("runpod", "runpod", build.runpod, 10 * MINUTE, HOUR),
    Family("vast", "vast", build.vast, 15 * MINUTE, HOUR),
    Family("verda", "verda", build.verda, 10 * MINUTE, HOUR),
    Family("sheets", "sheets", build.sheets, DAY, 45 * DAY),
    # A line for run logs of other machines belongs here, and its function in feed_sources.
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One family of one feed as it is configured, in one region or in all of them."""

    family: Family
    feed: Feed = field(repr=False)
    region: str | None = None
    cadence_s: float

    @property
    def job_id(self) -> str:
        """Stable name, the same after every restart."""
        return f"{self.family.name}/{self.region}" if self.region else self.family.name

    @property
    def jitter_s(self) -> float:
        """How much later than due a pass may begin, by chance."""
        return min(JITTER * self.cadence_s, MOST_JITTER_S)

    @property
    def stale_after_s(self) -> float:
        """From what age on its facts are stale; never before two passes could have been made."""
        return max(self.family.stale_after_s, 2 * self.cadence_s)

    def sources(self, world: World, *, since: datetime | None = None) -> list[Source]:
        """The sources of one pass.

        Raises:
            LowtideError: Which they are cannot be told.
        """
        order = Order(feed=self.feed, region=self.region, cadence_s=self.cadence_s, since=since)
        return list(self.family.build(world, order))


def jobs(
    config: FeedsConfig, names: Sequence[str] | None = None, *, regions: tuple[str, ...] = ()
) -> list[Job]:
    """What there is to collect.

    Args:
        config: The feeds that are configured.
        names: Feeds to take, configured or not; None takes those that are configured.
        regions: Read there instead of where the settings say.

    Raises:
        ImpossibleInput: A feed is unknown, has to be configured first, or has no regions.
    """
    _check_cadences(config)
    found: list[Job] = []
    for name in config.feeds if names is None else names:
        feed = placed(name, config.settings(name), regions)
        for family in _families(name):
            found += _of(family, feed, config) if family.wanted(feed) else []
    return found


def takes_since(name: str) -> bool:
    """Whether any source of a feed can be asked from an instant on."""
    return any(family.takes_since for family in _families(name))


def _families(name: str) -> list[Family]:
    found = [family for family in FAMILIES if family.feed == name]
    if not found:
        known = ", ".join(dict.fromkeys(family.feed for family in FAMILIES))
        raise ImpossibleInput(f"There is no feed {name!r}.", fix=f"Name one of {known}.")
    return found


def _check_cadences(config: FeedsConfig) -> None:
    """Refuse a cadence for a family that does not exist."""
    known = [family.name for family in FAMILIES]
    if strange := sorted(set(config.cadence_s) - set(known)):
        raise ImpossibleInput(
            f"[collect.cadence_s] names {', '.join(strange)}, and there are no such sources.",
            fix=f"Name one of {', '.join(known)}.",
        )


def _of(family: Family, feed: Feed, config: FeedsConfig) -> list[Job]:
    """The jobs of one family."""
    cadence_s = config.cadence_s.get(family.name, family.cadence_s)
    named = feed.regions if family.by_region and isinstance(feed, AwsFeed) else None
    places: tuple[str | None, ...] = named or (None,)
    return [Job(family=family, feed=feed, region=place, cadence_s=cadence_s) for place in places]
