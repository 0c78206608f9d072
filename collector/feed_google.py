"""The sources of Google, from what is configured: prices, history, advice, machines, preemptions.

Google's own chain finds the credential, but for the price catalogue, which an API key may read. An
address on this machine is a stand-in: it takes no credential, and none is sent there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from .feed_config import GcpFeed
from .feed_world import Order, World
from .sources.base import Source
from .sources.gcp_calls import answered
from .sources.gcp_capacity_advice import GcpCapacityAdvice, GcpCapacityQuery
from .sources.gcp_capacity_history import GcpCapacityHistory
from .sources.gcp_catalog import GcpCatalog
from .sources.gcp_machine_types import GcpMachineTypes
from .sources.gcp_preemptions import GcpPreemptions, machine_lookup

LOOPBACK: Final = ("http://127.", "http://localhost", "http://[::1]")
LOGGING: Final = "https://logging.googleapis.com"
COMPUTE: Final = "https://compute.googleapis.com"
SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)


def gcp_catalog(world: World, order: Order[GcpFeed]) -> Iterator[Source]:
    """The price catalogue, with an API key where one is set, else with Google's own chain."""
    from google.cloud.billing_v1 import CloudCatalogClient

    options: dict[str, Any] = {"api_endpoint": order.feed.catalog_url} if order.feed.catalog_url else {}
    if key := world.environ.get(order.feed.key_name):
        options["api_key"] = key
    yield GcpCatalog(
        client=lambda: CloudCatalogClient(transport="rest", client_options=options),
        now=world.now,
        patience=world.patience,
    )


def gcp_capacity_history(world: World, order: Order[GcpFeed]) -> Iterator[Source]:
    """The capacity history of the machines and places named."""
    feed = order.feed
    yield GcpCapacityHistory(
        client=_compute(feed, "AdviceClient"), project=feed.project or "", machines=feed.machines,
        locations=feed.locations, now=world.now, patience=world.patience,
    )  # fmt: skip


def gcp_capacity_advice(world: World, order: Order[GcpFeed]) -> Iterator[Source]:
    """The capacity questions: one per machine and region of each."""
    feed = order.feed
    queries = tuple(
        GcpCapacityQuery(machine=machine, region=region, instances=ask.instances)
        for ask in feed.advice
        for machine in ask.machines
        for region in ask.regions
    )
    yield GcpCapacityAdvice(
        client=_compute(feed, "AdviceClient"), project=feed.project or "", queries=queries, now=world.now,
        patience=world.patience,
    )  # fmt: skip


def gcp_machine_types(world: World, order: Order[GcpFeed]) -> Iterator[Source]:
    """The machines that the project sees listed."""
    client = _compute(order.feed, "MachineTypesClient")
    project = order.feed.project or ""
    yield GcpMachineTypes(client=client, project=project, now=world.now, patience=world.patience)


def gcp_preemptions(world: World, order: Order[GcpFeed]) -> Iterator[Source]:
    """The project's own preemptions, out of its audit log."""
    feed, token = order.feed, google_token(world, order.feed.logging_url)
    project, compute = feed.project or "", world.kept.http(feed.compute_url or COMPUTE)
    yield GcpPreemptions(
        client=world.kept.http(feed.logging_url or LOGGING), token=token, project=project, now=world.now,
        since=order.since or world.since("gcp-preemptions"), patience=world.patience,
        machine_of=machine_lookup(compute, token, project, world.patience),
    )  # fmt: skip


def google_token(world: World, url: str | None) -> Callable[[], str]:
    """A function that gives an access token of Google's own chain, renewed where it ran out.

    Raises (when called):
        SourceSkipped: There is no credential, or it is refused.
        SourceUnavailable: Google does not answer.
    """
    if (url or "").startswith(LOOPBACK):
        return lambda: "stand-in"

    def ask() -> str:
        return answered(
            lambda: fresh_token(world.kept.keep("google", default)), "google.auth", world.patience
        )

    return ask


def default() -> Any:
    """The credential that Google's own chain finds."""
    import google.auth

    find: Any = google.auth.default
    return find(scopes=SCOPES)[0]


def fresh_token(found: Any) -> str:
    """An access token of a credential."""
    from google.auth.transport.requests import Request

    if not found.valid:
        found.refresh(Request())
    return str(found.token)


def _compute(feed: GcpFeed, name: str) -> Callable[[], Any]:
    """Makes a client of the Compute API by its class's name."""

    def make() -> Any:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import compute_v1

        anyone: Any = AnonymousCredentials
        stand_in = (feed.compute_url or "").startswith(LOOPBACK)
        options = {"api_endpoint": feed.compute_url} if feed.compute_url else {}
        return getattr(compute_v1, name)(credentials=anyone() if stand_in else None, client_options=options)

    return make
