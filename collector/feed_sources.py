"""From what is configured of a feed to its sources. One function per family, nothing read yet.
Google's are in `feed_google`.

A missing credential shows when a source is read, so that it is recorded under the source's name;
only a question that has to be asked to know the sources (which regions?) is asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from model.market import Sku

from .catalog import load_catalog
from .feed_config import AwsFeed, AzureFeed, CloudFeed, SheetsFeed
from .feed_world import Order, World
from .sources.aws_advisor import AwsAdvisor
from .sources.aws_capacity_blocks import AwsCapacityBlocks, BlockQuery
from .sources.aws_events import AwsEvents
from .sources.aws_market import HOME_REGION, aws_market
from .sources.aws_scores import UNSENT, AwsScores, PlacementQuery
from .sources.azure_eviction import AzureEviction
from .sources.azure_retail_prices import AzureRetailPrices
from .sources.azure_scores import AzurePlacementQuery, AzureScores
from .sources.azure_token import entra_token
from .sources.base import Source, SourceSkipped
from .sources.neo_gpuhunt import GpuHuntCatalog
from .sources.neo_lambda import LambdaPrices
from .sources.neo_price_sheet import price_sheet
from .sources.neo_runpod import RunPodPrices
from .sources.neo_vast import VastOffers
from .sources.neo_verda import VerdaPrices, verda_token
from .sources.web import credential

Build = Callable[[World, Any], Iterator[Source]]


def aws_regional(kind: str) -> Build:
    """Builds the sources of one kind (aws-spot-prices, aws-on-demand, aws-types), one per region."""

    def build(world: World, order: Order[AwsFeed]) -> Iterator[Source]:
        feed = order.feed
        regions = (order.region,) if order.region else feed.regions
        given = order.since

        def since(source_id: str) -> datetime | None:
            return world.since(source_id) if given is None else given

        found = aws_market(
            world.kept.aws(feed.profile), regions=regions, skus=aws_machines(feed), since=since, now=world.now
        )
        yield from (source for source in found if source.source_id.startswith(kind))

    return build


def aws_machines(feed: AwsFeed) -> tuple[Sku, ...]:
    """The machines named, or every GPU machine of the catalogue.

    Raises:
        SourceSkipped: A machine is named that the catalogue does not know.
    """
    known = {name: sku for (provider, name), sku in load_catalog().skus.items() if provider == "aws"}
    if strange := sorted(set(feed.machines) - set(known)):
        raise SourceSkipped(
            f"The catalogue knows no AWS machine {', '.join(strange)}, so its GPUs are not known either.",
            fix="Correct machines in [collect.aws], or add it to catalog.toml.",
        )
    return tuple(known[name] for name in (feed.machines or known) if known[name].gpu_count)


def aws_advisor(world: World, order: Order[AwsFeed]) -> Iterator[Source]:
    """The Spot Advisor; kept between passes, for it remembers the tag of the last file."""
    feed = order.feed
    made = AwsAdvisor(
        client=world.kept.http(""), skus=aws_machines(feed), now=world.now, address=feed.advisor_url,
        patience=world.patience,
    )  # fmt: skip
    yield world.kept.keep(("advisor", feed), lambda: made)


def aws_scores(world: World, order: Order[AwsFeed]) -> Iterator[Source]:
    """The placement questions, asked from the home region."""
    queries = tuple(
        PlacementQuery(
            instance_types=ask.machines, regions=ask.regions, instances=ask.instances, single_zone=ask.by_zone
        )
        for ask in order.feed.placement
    )
    ec2 = world.kept.aws(order.feed.profile)("ec2", HOME_REGION)
    asked = world.asked("aws-placement-scores", UNSENT)
    yield AwsScores(ec2=ec2, queries=queries, asked=asked, now=world.now)


def aws_events(world: World, order: Order[AwsFeed]) -> Iterator[Source]:
    """One source per queue, asked in the region that its address names."""
    client_for = world.kept.aws(order.feed.profile)
    for url in order.feed.queues:
        host = (urlsplit(url).hostname or "").split(".")
        region = host[1] if host[0] == "sqs" and len(host) > 2 else (order.feed.regions or (HOME_REGION,))[0]
        yield AwsEvents(
            sqs=client_for("sqs", region), queue_url=url, ec2_for=lambda r: client_for("ec2", r),
            now=world.now,
        )  # fmt: skip


def aws_capacity_blocks(world: World, order: Order[AwsFeed]) -> Iterator[Source]:
    """The Capacity Block questions, by region."""
    client_for = world.kept.aws(order.feed.profile)
    skus, at = {sku.name: sku for sku in aws_machines(AwsFeed())}, world.now()
    asks = order.feed.capacity_blocks
    for region in sorted({region for ask in asks for region in ask.regions}):
        queries = tuple(
            BlockQuery(
                sku=skus[ask.machine], instances=ask.instances, hours=ask.hours, from_at=at,
                until_at=at + timedelta(days=ask.within_days),
            )
            for ask in asks
            if region in ask.regions and ask.machine in skus
        )  # fmt: skip
        yield AwsCapacityBlocks(ec2=client_for("ec2", region), region=region, queries=queries, now=world.now)


def azure_prices(world: World, order: Order[AzureFeed]) -> Iterator[Source]:
    """The public price list, in the regions named."""
    if not order.feed.regions:
        raise SourceSkipped(
            "No Azure region is named, and the price list of Azure belongs to no account that could tell.",
            fix="Name some in [collect.azure] regions, or with --region eastus.",
        )
    client = world.kept.http(order.feed.prices_url)
    yield AzureRetailPrices(client=client, regions=order.feed.regions, now=world.now, patience=world.patience)


def azure_eviction(world: World, order: Order[AzureFeed]) -> Iterator[Source]:
    """The eviction bands."""
    client, token = world.kept.http(order.feed.management_url), _entra(world, order.feed)
    yield AzureEviction(client=client, token=token, now=world.now, patience=world.patience)


def azure_scores(world: World, order: Order[AzureFeed]) -> Iterator[Source]:
    """The placement questions."""
    queries = tuple(
        AzurePlacementQuery(
            sizes=ask.machines, regions=ask.regions, instances=ask.instances, by_zone=ask.by_zone
        )
        for ask in order.feed.placement
    )
    yield AzureScores(
        client=world.kept.http(order.feed.management_url), token=_entra(world, order.feed),
        subscription=order.feed.subscription or "", queries=queries, now=world.now, patience=world.patience,
    )  # fmt: skip


def _entra(world: World, feed: AzureFeed) -> Callable[[], str]:
    return entra_token(world.kept.http(feed.login_url), world.environ, patience=world.patience)


def nebius(world: World, order: Order[CloudFeed]) -> Iterator[Source]:
    """Nebius's list prices, as gpuhunt publishes them."""
    client = world.kept.http(order.feed.base_url)
    yield GpuHuntCatalog(client=client, provider="nebius", now=world.now, patience=world.patience)


def lambda_cloud(world: World, order: Order[CloudFeed]) -> Iterator[Source]:
    """Lambda."""
    yield LambdaPrices(key=_key(world, order.feed), **_watching(world, order))


def runpod(world: World, order: Order[CloudFeed]) -> Iterator[Source]:
    """RunPod."""
    yield RunPodPrices(key=_key(world, order.feed), **_watching(world, order))


def vast(world: World, order: Order[CloudFeed]) -> Iterator[Source]:
    """Vast."""
    key, gpus = _key(world, order.feed), order.feed.gpus
    yield VastOffers(key=key, gpu_names=gpus, **_watching(world, order))


def verda(world: World, order: Order[CloudFeed]) -> Iterator[Source]:
    """Verda."""
    token = verda_token(world.kept.http(order.feed.base_url), world.environ, patience=world.patience)
    yield VerdaPrices(token=token, **_watching(world, order))


def sheets(_: World, order: Order[SheetsFeed]) -> Iterator[Source]:
    """One source per price sheet."""
    for path in order.feed.paths:
        yield price_sheet(Path(path).expanduser())


def _key(world: World, feed: CloudFeed) -> Callable[[], str]:
    """Looks the key up by its name when it is needed."""
    return lambda: credential(feed.key_name or "", world.environ)


def _watching(world: World, order: Order[CloudFeed]) -> dict[str, Any]:
    """What the neoclouds that publish availability have in common."""
    return {
        "client": world.kept.http(order.feed.base_url),
        "now": world.now,
        "watched": world.watched(),
        "holds_s": order.cadence_s,
        "patience": world.patience,
    }
