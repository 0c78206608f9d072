"""What is configured of each live feed: regions, machines, questions, and credentials by name.

A feed that stands here is collected; one that is None is not. No value of a credential is ever
in one of these, only the name under which the environment or the provider's own chain knows it.
Every address can be turned to a mirror or a test.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from model.errors import ImpossibleInput

FEEDS: Final = ("aws", "gcp", "azure", "nebius", "lambda", "runpod", "vast", "verda", "sheets")
VAST_GPUS: Final = ("A100 SXM4", "B200", "H100 SXM", "H200")
GPUHUNT: Final = "https://dstack-gpu-pricing.s3.eu-west-1.amazonaws.com/v3/"
ADVISOR: Final = "https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementAsk:
    """A placement question: so many instances of any of these machines in any of these regions."""

    machines: tuple[str, ...]
    regions: tuple[str, ...]
    instances: int
    by_zone: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockAsk:
    """A Capacity Block question; the start may lie in the next `within_days`."""

    machine: str
    instances: int
    hours: int
    regions: tuple[str, ...]
    within_days: int = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsFeed:
    """AWS. The SDK finds the credential; `profile` names one of its profiles."""

    regions: tuple[str, ...] | None = None  # None: all that the account may use.
    profile: str | None = None
    machines: tuple[str, ...] = ()  # Empty: every GPU machine of the catalogue.
    queues: tuple[str, ...] = ()  # URLs of SQS queues that get EC2's interruption events.
    placement: tuple[PlacementAsk, ...] = ()
    capacity_blocks: tuple[BlockAsk, ...] = ()
    advisor_url: str = ADVISOR


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpFeed:
    """Google. An API key by name for the catalogue, else Google's own chain."""

    project: str | None = None  # Who asks for the history; without one it is not asked.
    machines: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()  # Regions (us-central1) or zones (us-central1-a).
    advice: tuple[PlacementAsk, ...] = ()  # Capacity questions; one per machine and region of each.
    preemptions: bool = False  # Read those of the project's own machines from its audit log.
    key_name: str = "GOOGLE_API_KEY"
    catalog_url: str | None = None
    compute_url: str | None = None
    logging_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureFeed:
    """Azure. Prices are public; bands and scores need the AZURE_ variables of a service principal."""

    regions: tuple[str, ...] = ()
    eviction: bool = True
    subscription: str | None = None
    placement: tuple[PlacementAsk, ...] = ()
    prices_url: str = "https://prices.azure.com"
    management_url: str = "https://management.azure.com"
    login_url: str = "https://login.microsoftonline.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudFeed:
    """A neocloud with one interface: its address, and the name of its key where it needs one."""

    base_url: str
    key_name: str | None = None
    gpus: tuple[str, ...] = ()  # Vast only: GPU names as it spells them.


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetsFeed:
    """Price sheets kept by hand, for CoreWeave, Crusoe and contracts."""

    paths: tuple[str, ...]


Feed = AwsFeed | GcpFeed | AzureFeed | CloudFeed | SheetsFeed


def cloud(name: str) -> CloudFeed:
    """The neocloud of this name as it is on the internet."""
    return _CLOUDS[name]


_BARE: Final[Mapping[str, Feed]] = {"aws": AwsFeed(), "gcp": GcpFeed(), "azure": AzureFeed()}
_CLOUDS: Final = {
    "nebius": CloudFeed(base_url=GPUHUNT),
    "lambda": CloudFeed(base_url="https://cloud.lambda.ai", key_name="LAMBDA_API_KEY"),
    "runpod": CloudFeed(base_url="https://api.runpod.io", key_name="RUNPOD_API_KEY"),
    "vast": CloudFeed(base_url="https://console.vast.ai", key_name="VAST_API_KEY", gpus=VAST_GPUS),
    "verda": CloudFeed(base_url="https://api.verda.com"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedsConfig:
    """All feeds by name, and cadences other than the usual ones, by family, in seconds."""

    feeds: Mapping[str, Feed] = field(default_factory=dict)
    cadence_s: Mapping[str, float] = field(default_factory=dict)

    def settings(self, name: str) -> Feed:
        """What is configured of a feed, or what it is by default.

        Raises:
            ImpossibleInput: It cannot be collected without settings of its own.
        """
        if found := self.feeds.get(name):
            return found
        if name in _CLOUDS:
            return _CLOUDS[name]
        if name in _BARE:
            return _BARE[name]
        raise ImpossibleInput(
            f"The feed {name} is not configured, and has nothing that could be collected without that.",
            fix=f"Add [collect.{name}] to lowtide.toml; docs/collect.md shows it.",
        )


def placed(name: str, feed: Feed, regions: tuple[str, ...]) -> Feed:
    """The same feed, read in these regions only; none leaves it as it is.

    Raises:
        ImpossibleInput: The feed is read whole, or what is named can be no region of it.
    """
    wrong = [each for each in regions or regions_of(feed) if not _SPELLED[type(feed)].fullmatch(each)]
    if wrong and not isinstance(feed, CloudFeed | SheetsFeed):
        raise ImpossibleInput(
            f"{', '.join(map(repr, wrong))} can be no region of {name}, which writes {_LIKE[type(feed)]}.",
            fix="Correct --region, or the regions in lowtide.toml.",
        )
    if not regions:
        return feed
    if isinstance(feed, GcpFeed):
        return replace(feed, locations=regions)
    if isinstance(feed, AwsFeed | AzureFeed):
        return replace(feed, regions=regions)
    raise ImpossibleInput(
        f"The feed {name} is read whole; it cannot be asked for {', '.join(regions)} alone.",
        fix="Leave --region away.",
    )


def regions_of(feed: Feed) -> tuple[str, ...]:
    """Where a feed is read; none where it is read whole, or wherever the account may."""
    if isinstance(feed, GcpFeed):
        return feed.locations
    return (feed.regions or ()) if isinstance(feed, AwsFeed | AzureFeed) else ()


_SPELLED: Final = {
    AwsFeed: re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}"),
    GcpFeed: re.compile(r"[a-z]+(-[a-z]+)+\d{1,2}(-[a-z])?"),
    AzureFeed: re.compile(r"[a-z]+\d?"),
    CloudFeed: re.compile(r".*"),
    SheetsFeed: re.compile(r".*"),
}
_LIKE: Final = {
    AwsFeed: "us-east-1", GcpFeed: "us-central1, or us-central1-a for a zone",
    AzureFeed: "eastus or westus3",
}  # fmt: skip


def credential_names(name: str, feed: Feed) -> tuple[str, ...]:
    """The environment variables a feed takes its credential from; none where it needs none."""
    if isinstance(feed, CloudFeed):
        own = (feed.key_name,) if feed.key_name else ()
        return ("VERDA_CLIENT_ID", "VERDA_CLIENT_SECRET") if name == "verda" else own
    if isinstance(feed, AzureFeed) and (feed.eviction or feed.placement):
        return ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
    return ()
