"""What each cloud's metadata service says about the machine being taken.

A source answers one question: is there a warning now? It never raises; a service that is absent, slow or
talks nonsense has said nothing. Warnings that name a time bring the seconds that are left.

Sources: the clouds' documentation, read 2026-11. AWS: instance metadata v2, `spot/instance-action` (about two
minutes; none where the machine hibernates, which begins at once) and `events/recommendations/rebalance` (a
hint). Google Cloud: `instance/preempted` (about 30 s), `maintenance-event`. Azure: Scheduled Events,
`Preempt` (30 s or more), told to all machines of a set, so that each has to look for its own name. None of
them is promised by its provider, and none was asked live.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from .notice_http import ANSWER_WITHIN_S, Metadata, instant

GCP_WAIT_S = 20  # Google holds the answer back until something changes, or so long.
TOKEN_TTL_S = 21_600
OWN_ADDRESS = {
    "aws": "http://169.254.169.254",
    "gcp": "http://metadata.google.internal",
    "azure": "http://169.254.169.254",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was heard: from whom, whether the machine goes for certain, and when, where that is said."""

    source: str
    is_certain: bool  # Else a hint: save now and go on.
    at: datetime | None
    left_s: float | None = None  # Seconds until `at`, by the provider's clock.
    which: str = ""  # Tells one hint from the next, as a service repeats what it said.


class Source(Protocol):
    """A metadata service; `poll` never raises."""

    poll_every_s: float

    def poll(self) -> Heard | None:
        """Return the warning there is now, None for none."""


def source_of(provider: str, url: str) -> Source | None:
    """Return who to ask on a provider's machines; `metadata` is the provider's own address.

    None for providers that warn by a signal or not at all.
    """
    kinds: dict[str, Callable[[str], Source]] = {"aws": AwsNotice, "gcp": GcpNotice, "azure": AzureNotice}
    if provider not in kinds:
        return None
    return kinds[provider](OWN_ADDRESS[provider] if url == "metadata" else url.rstrip("/"))


def _certain(service: Metadata, source: str, at: datetime | None) -> Heard:
    left_s = None if at is None else max(0.0, (at - service.now()).total_seconds())
    return Heard(source=source, is_certain=True, at=at, left_s=left_s)


def _hint(source: str, which: object) -> Heard:
    return Heard(source=source, is_certain=False, at=None, which=str(which))


class AwsNotice:
    """Amazon's instance metadata, version 2: a token first."""

    poll_every_s = 5.0

    def __init__(self, url: str) -> None:
        self._service, self._token = Metadata(url), ""

    def poll(self) -> Heard | None:
        """Return an interruption, or the hint that one is likely."""
        action = self._service.read(self._get("spot/instance-action"))
        if isinstance(action, dict):
            return self._interruption(action)
        advice = self._service.read(self._get("events/recommendations/rebalance"))
        if isinstance(advice, dict):
            return _hint("aws rebalance", advice.get("noticeTime"))
        return None

    def _interruption(self, action: dict[str, Any]) -> Heard:
        heard = _certain(self._service, "aws instance-action", instant(action.get("time")))
        if action.get("action") == "hibernate":
            return Heard(source=heard.source, is_certain=True, at=heard.at, left_s=0.0)
        return heard

    def _get(self, path: str) -> str | None:
        body = self._with_token(path)
        if not self._token or self._service.refused:  # None yet, or it has expired.
            ttl = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL_S)}
            told = self._service.get("/latest/api/token", ttl, method="PUT") or ""
            self._token = told if told.isascii() and told.isprintable() else ""
            body = self._with_token(path)
        return body

    def _with_token(self, path: str) -> str | None:
        if not self._token:
            return None
        headers = {"X-aws-ec2-metadata-token": self._token}
        return self._service.get(f"/latest/meta-data/{path}", headers)


class GcpNotice:
    """Google's metadata server, which holds its answer back until something changes."""

    poll_every_s = 1.0

    def __init__(self, url: str, *, wait_s: float = GCP_WAIT_S) -> None:
        self._service, self._wait_s = Metadata(url), wait_s
        self._etag: str | None = None  # Of the state last seen: what changed since then is answered at once.

    def poll(self) -> Heard | None:
        """Return a preemption, or maintenance that ends the machine."""
        if self._preempted() == "TRUE":
            return _certain(self._service, "gcp preempted", None)
        event = (self._get("maintenance-event", ANSWER_WITHIN_S) or "").strip()
        return _hint("gcp maintenance", event) if event.startswith("TERMINATE") else None

    def _preempted(self) -> str:
        wait = ""
        if self._etag is not None:
            wait = f"?wait_for_change=true&timeout_sec={self._wait_s:g}&last_etag={quote(self._etag)}"
        body = self._get(f"preempted{wait}", self._wait_s + ANSWER_WITHIN_S)
        self._etag = None if body is None else self._service.headers.get("etag", "0")
        return (body or "").strip()

    def _get(self, path: str, within_s: float) -> str | None:
        headers = {"Metadata-Flavor": "Google"}
        return self._service.get(f"/computeMetadata/v1/instance/{path}", headers, within_s=within_s)


class AzureNotice:
    """Azure's Scheduled Events."""

    poll_every_s = 5.0
    certain, disturbing = ("Preempt", "Terminate"), ("Reboot", "Redeploy", "Freeze")

    def __init__(self, url: str) -> None:
        self._service, self._names = Metadata(url), Metadata(url)
        self._name: str | None = None  # Of this machine; asked until it is known.

    def poll(self) -> Heard | None:
        """Return the event that takes this machine, or the hint that it will be disturbed."""
        told = self._service.read(
            self._service.get("/metadata/scheduledevents?api-version=2020-07-01", {"Metadata": "true"})
        )
        events = told.get("Events") if isinstance(told, dict) else None
        ours = [event for event in _objects(events) if self._is_ours(event)]
        for event in ours:
            if event.get("EventType") in self.certain:
                at = instant(event.get("NotBefore"))
                heard = _certain(self._service, f"azure {event['EventType']}", at)
                if at is None and event.get("EventStatus") == "Started":
                    return Heard(source=heard.source, is_certain=True, at=None, left_s=0.0)
                return heard
        for event in ours:
            if event.get("EventType") in self.disturbing:
                return _hint(f"azure {event['EventType']}", event.get("EventId"))
        return None

    def _is_ours(self, event: dict[str, Any]) -> bool:
        """An event that names no machine, or a machine that does not know its name, is taken for ours."""
        named = event.get("Resources")
        if not isinstance(named, list) or not named:
            return True
        if self._name is None:
            path = "/metadata/instance/compute/name?api-version=2021-02-01&format=text"
            self._name = _bare(self._names.get(path, {"Metadata": "true"})) or None
        return self._name is None or self._name in {_bare(each) for each in named}


def _bare(name: object) -> str:
    """Return a machine's name as it may be compared: events write `_name` and paths in places."""
    return "" if name is None else str(name).strip().rpartition("/")[2].lstrip("_").lower()


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
