"""Is the credential of a feed there, and does the provider take it? One read-only call per feed.

The cheapest call that needs the credential is made, or the token is asked for; nothing is bought,
changed or stored. The provider's own clock comes back with the answer, where it gives one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

import httpx

from model.errors import LowtideError

from .feed_config import AwsFeed, AzureFeed, CloudFeed, Feed, GcpFeed, SheetsFeed
from .feed_google import default, fresh_token
from .feed_world import Kept
from .sources.aws_clients import asking, aws_clients
from .sources.aws_market import HOME_REGION
from .sources.azure_token import entra_token
from .sources.base import SourceSkipped, SourceUnavailable
from .sources.gcp_calls import answered
from .sources.neo_verda import verda_token
from .sources.web import Patience, bearer, body_of, credential

BRIEF: Final = Patience(budget_s=5.0)
ACCEPTED, REFUSED, UNREACHABLE = "accepted", "refused", "not checked"
LOOKED_AT: Final[Mapping[str, tuple[str, str]]] = {  # What is asked of a neocloud: method and path.
    "lambda": ("GET", "/api/v1/instance-types"),
    "runpod": ("POST", "/graphql"),
    "vast": ("POST", "/api/v0/bundles/"),
    "nebius": ("GET", "nebius/version"),
}
BODIES: Final[Mapping[str, Any]] = {
    "runpod": {"query": "query Places { dataCenters { id listed } }"},
    "vast": {"limit": 1, "type": "on-demand"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of one check."""

    feed: str
    verdict: str  # accepted | refused | not checked
    seen: str
    fix: str = ""
    clock_ahead_s: float | None = None  # Ours before the provider's; None: it did not tell the time.


@dataclass(slots=True, kw_only=True)
class _Asked:
    """A check under way: how to look credentials up, and the provider's clock once it was heard."""

    environ: Mapping[str, str]
    now: Callable[[], datetime]
    kept: Kept
    date: str | None = field(default=None)
    heard_at: datetime | None = field(default=None)

    def hear(self, date: str | None) -> None:
        """Note a Date header, and when it came."""
        if date:
            self.date, self.heard_at = date, self.now()

    def http(self, base_url: str) -> httpx.Client:
        """A client that hears the Date of every answer."""
        client = self.kept.http(base_url)
        client.event_hooks = {"response": [lambda answer: self.hear(answer.headers.get("Date"))]}
        return client

    @property
    def ahead_s(self) -> float | None:
        """How far our clock is before the provider's, to about a second."""
        if self.date is None or self.heard_at is None:
            return None
        return ahead_s(self.date, self.heard_at)


def ahead_s(date: str, at: datetime) -> float | None:
    """How far a clock that shows `at` is before a Date header; None where the header is no date."""
    try:
        told = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    return (at - (told if told.tzinfo else told.replace(tzinfo=UTC))).total_seconds()


def check_feed(name: str, feed: Feed, *, environ: Mapping[str, str], now: Callable[[], datetime]) -> Checked:
    """Ask a provider whether it takes the feed's credential.

    Args:
        name: Of the feed.
        feed: Its settings.
        environ: Where credentials are looked up by name.
        now: Our clock.
    """
    asked = _Asked(environ=environ, now=now, kept=Kept())
    try:
        seen = _ask(name, feed, asked)
    except SourceUnavailable as away:
        return Checked(feed=name, verdict=UNREACHABLE, seen=away.seen, clock_ahead_s=asked.ahead_s)
    except LowtideError as refusal:
        return Checked(
            feed=name, verdict=REFUSED, seen=refusal.seen, fix=refusal.fix, clock_ahead_s=asked.ahead_s
        )
    finally:
        asked.kept.close()
    return Checked(feed=name, verdict=ACCEPTED, seen=seen, clock_ahead_s=asked.ahead_s)


def _ask(name: str, feed: Feed, asked: _Asked) -> str:
    """Make the call; what was accepted, in words.

    Raises:
        LowtideError: The credential is missing or refused, or nothing answered.
    """
    if isinstance(feed, AwsFeed):
        return _aws(feed, asked)
    if isinstance(feed, GcpFeed):
        return _gcp(feed, asked)
    if isinstance(feed, AzureFeed):
        return _azure(feed, asked)
    if isinstance(feed, SheetsFeed):
        return _sheets(feed)
    if name == "verda":
        verda_token(asked.http(feed.base_url), asked.environ, patience=BRIEF)()
        return "VERDA_CLIENT_ID and VERDA_CLIENT_SECRET give a token"
    return _cloud(name, feed, asked)


def _aws(feed: AwsFeed, asked: _Asked) -> str:
    """sts GetCallerIdentity needs no permission."""
    sts = aws_clients(feed.profile, attempts=1)("sts", (feed.regions or (HOME_REGION,))[0])
    with asking(sts, "get_caller_identity"):
        answer = sts.get_caller_identity()
    asked.hear(answer["ResponseMetadata"]["HTTPHeaders"].get("date"))
    kind = str(answer["Arn"]).split(":")[5].partition("/")[0]
    return f"the credential of {f'profile {feed.profile}' if feed.profile else 'the usual chain'} is a {kind}"


def _gcp(feed: GcpFeed, asked: _Asked) -> str:
    """One SKU of the catalogue with the API key, or a token of Google's own chain."""
    if key := asked.environ.get(feed.key_name):
        client = asked.http((feed.catalog_url or "https://cloudbilling.googleapis.com").rstrip("/"))
        request = client.build_request(
            "GET", "/v1/services/6F81-5844-456A/skus", params={"pageSize": 1}, headers={"X-Goog-Api-Key": key}
        )
        body_of(client, request, BRIEF)
        return f"the key named {feed.key_name} may read the price catalogue"
    answered(lambda: fresh_token(default()), "google.auth", BRIEF)
    return "Google's own chain gives a token"


def _azure(feed: AzureFeed, asked: _Asked) -> str:
    """A token where one is needed; the price list needs none."""
    if not (feed.eviction or feed.placement):
        return "the price list needs no credential"
    entra_token(asked.http(feed.login_url), asked.environ, patience=BRIEF)()
    return "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET give a token"


def _sheets(feed: SheetsFeed) -> str:
    """The files are there."""
    if missing := [path for path in feed.paths if not Path(path).expanduser().is_file()]:
        raise SourceSkipped(
            f"There is no file {', '.join(missing)}.", fix="Correct paths in [collect.sheets]."
        )
    return f"{len(feed.paths)} price sheets are there"


def _cloud(name: str, feed: CloudFeed, asked: _Asked) -> str:
    """One small question to a neocloud."""
    key = credential(feed.key_name, asked.environ) if feed.key_name else None
    client, (method, path) = asked.http(feed.base_url), LOOKED_AT[name]
    request = client.build_request(method, path, json=BODIES.get(name), headers=bearer(key) if key else {})
    body_of(client, request, BRIEF)
    return f"the key named {feed.key_name} is accepted" if key else "answers, and needs no credential"
