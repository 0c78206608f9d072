"""The `[collect]` table of the settings: which feeds are read, where, how often.

A feed is read where its table stands, be it empty. Credentials are named, never written here; an
unknown field, an impossible number or an address that is none is refused with its name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from collector.feed_config import (
    AwsFeed,
    AzureFeed,
    BlockAsk,
    Feed,
    FeedsConfig,
    GcpFeed,
    PlacementAsk,
    SheetsFeed,
    cloud,
)

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Names = Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/@]+(/\S*)?$", max_length=500)]
Instances = Annotated[int, Field(ge=1, le=10_000)]
Seconds = Annotated[float, Field(ge=1, le=30 * 86400, allow_inf_nan=False)]


class Table(BaseModel):
    """The base of every table here."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    def given(self) -> dict[str, Any]:
        """What was set, by name."""
        return {
            name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set
        }


class AwsPlacement(Table):
    """One placement question to AWS, which scores fewer than three machines always low."""

    machines: Annotated[tuple[Name, ...], Field(min_length=3, max_length=100)]
    regions: Annotated[tuple[Name, ...], Field(min_length=1, max_length=10)]
    instances: Instances
    by_zone: bool = True


class AzurePlacement(Table):
    """One placement question to Azure."""

    machines: Annotated[tuple[Name, ...], Field(min_length=1, max_length=5)]
    regions: Annotated[tuple[Name, ...], Field(min_length=1, max_length=8)]
    instances: Instances
    by_zone: bool = True


class CapacityBlock(Table):
    """One Capacity Block question."""

    machine: Name
    instances: Instances
    hours: Annotated[int, Field(ge=24, le=24 * 182)]
    regions: Names
    within_days: Annotated[int, Field(ge=1, le=56)] = 28


class AwsTable(Table):
    """`[collect.aws]`."""

    regions: Names | None = None
    profile: Name | None = None
    machines: Names | None = None
    queues: Annotated[tuple[Url, ...], Field(max_length=20)] = ()
    placement: Annotated[tuple[AwsPlacement, ...], Field(max_length=50)] = ()
    capacity_blocks: Annotated[tuple[CapacityBlock, ...], Field(max_length=50)] = ()
    advisor_url: Url | None = None

    def feed(self) -> Feed:
        """The settings of the feed."""
        own = {**_set(self), "placement": _asks(self.placement)}
        own["capacity_blocks"] = tuple(BlockAsk(**block.model_dump()) for block in self.capacity_blocks)
        return AwsFeed(**own)


class GcpAdvice(Table):
    """Capacity questions to Google: one for each machine in each region."""

    machines: Names
    regions: Names
    instances: Instances


class GcpTable(Table):
    """`[collect.gcp]`."""

    project: Name | None = None
    machines: Names | None = None
    locations: Names | None = None
    advice: Annotated[tuple[GcpAdvice, ...], Field(max_length=50)] = ()
    preemptions: bool = False
    key_name: Variable | None = None
    catalog_url: Url | None = None
    compute_url: Url | None = None
    logging_url: Url | None = None

    def feed(self) -> Feed:
        """The settings of the feed."""
        return GcpFeed(**{**_set(self), "advice": _asks(self.advice)})


class AzureTable(Table):
    """`[collect.azure]`. Its price list belongs to no account, so regions have to be named."""

    regions: Names
    eviction: bool = True
    subscription: Name | None = None
    placement: Annotated[tuple[AzurePlacement, ...], Field(max_length=50)] = ()
    prices_url: Url | None = None
    management_url: Url | None = None
    login_url: Url | None = None

    def feed(self) -> Feed:
        """The settings of the feed."""
        return AzureFeed(**{**_set(self), "placement": _asks(self.placement)})


class CloudTable(Table):
    """`[collect.nebius]`, `.verda`: a neocloud with one address."""

    base_url: Url | None = None


class KeyedTable(CloudTable):
    """`[collect.lambda]`, `.runpod`: and with the name of its key."""

    key_name: Variable | None = None


class VastTable(KeyedTable):
    """`[collect.vast]`: and with the GPUs to ask for, as Vast spells them."""

    gpus: Names | None = None


class SheetsTable(Table):
    """`[collect.sheets]`."""

    paths: Names


class CollectTable(Table):
    """`[collect]`."""

    enabled: bool = True  # What `lowtide serve --no-collect` turns off.
    threads: Annotated[int, Field(ge=1, le=32)] = 4
    cadence_s: dict[Name, Seconds] = {}
    aws: AwsTable | None = None
    gcp: GcpTable | None = None
    azure: AzureTable | None = None
    nebius: CloudTable | None = None
    lambda_: Annotated[KeyedTable | None, Field(alias="lambda")] = None
    runpod: KeyedTable | None = None
    vast: VastTable | None = None
    verda: CloudTable | None = None
    sheets: SheetsTable | None = None

    def config(self) -> FeedsConfig:
        """The feeds as the collector takes them."""
        feeds: dict[str, Feed] = {}
        for table in (self.aws, self.gcp, self.azure):
            if table is not None:
                feeds[type(table).__name__.removesuffix("Table").lower()] = table.feed()
        for name in ("nebius", "lambda", "runpod", "vast", "verda"):
            own = getattr(self, "lambda_" if name == "lambda" else name)
            if own is not None:
                feeds[name] = replace(cloud(name), **_set(own))
        if self.sheets is not None:
            feeds["sheets"] = SheetsFeed(paths=self.sheets.paths)
        return FeedsConfig(feeds=feeds, cadence_s=self.cadence_s)


def _set(table: Table) -> dict[str, Any]:
    """What was set to something."""
    return {name: value for name, value in table.given().items() if value is not None}


def _asks(
    questions: tuple[AwsPlacement, ...] | tuple[AzurePlacement, ...] | tuple[GcpAdvice, ...],
) -> tuple[PlacementAsk, ...]:
    return tuple(PlacementAsk(**question.model_dump()) for question in questions)
