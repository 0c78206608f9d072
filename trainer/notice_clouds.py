"""What each cloud's metadata service says about the machine being taken, asked over plain HTTP.

A source answers one question: is there a warning now? It never raises; a service that is absent, slow or
talks nonsense has said nothing, and that is said once. Warnings that name a time bring their deadline.

Sources: the clouds' documentation, read 2026-11. AWS: instance metadata v2, `spot/instance-action` (about two
minutes) and `events/recommendations/rebalance` (a hint). Google Cloud: `instance/preempted` (about 30 s).
Azure: Scheduled Events, `Preempt` (30 s or more). None of them is promised by its provider.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

ANSWER_WITHIN_S = 2.0
GCP_WAIT_S = 20  # Google holds the answer back until something changes, or so long.
MOST_BYTES = 1 << 16
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


class Metadata:
    """Asks one service, and complains once."""

    def __init__(self, url: str) -> None:
        self._url, self._complained = url, False
        self.refused = False  # The last request, for want of a valid token.

    def get(
        self,
        path: str,
        headers: dict[str, str],
        *,
        method: str = "GET",
        within_s: float = ANSWER_WITHIN_S,
    ) -> str | None:
        """Return the body; None where the service is absent, answers 404, or with an error."""
        request = urllib.request.Request(self._url + path, headers=headers, method=method)
        self.refused = False
        try:
            with urllib.request.urlopen(request, timeout=within_s) as answer:
                body: bytes = answer.read(MOST_BYTES)
            return body.decode("utf-8", "replace")
        except urllib.error.HTTPError as refusal:
            self.refused = refusal.code == 401
            if refusal.code not in (401, 404, 410):
                self.complain(f"answers {refusal.code}")
        except (OSError, ValueError) as trouble:
            self.complain(str(trouble))
        return None

    def complain(self, seen: str) -> None:
        """Say once that the service is of no use."""
        if not self._complained:
            self._complained = True
            print(f"lowtide-run: notices cannot be heard from {self._url}: {seen}", file=sys.stderr)

    def read(self, body: str | None) -> Any:
        """Return the JSON in a body, None where it is none."""
        try:
            return None if body is None else json.loads(body)
        except ValueError:
            self.complain(f"answers {body!r:.60}")
            return None


class AwsNotice:
    """Amazon's instance metadata, version 2: a token first."""

    poll_every_s = 5.0

    def __init__(self, url: str) -> None:
        self._service, self._token = Metadata(url), ""

    def poll(self) -> Heard | None:
        """Return an interruption, or the hint that one is likely."""
        action = self._service.read(self._get("spot/instance-action"))
        if isinstance(action, dict):
            return Heard(source="aws instance-action", is_certain=True, at=instant(action.get("time")))
        if self._service.read(self._get("events/recommendations/rebalance")) is not None:
            return Heard(source="aws rebalance", is_certain=False, at=None)
        return None

    def _get(self, path: str) -> str | None:
        body = self._with_token(path)
        if not self._token or self._service.refused:  # None yet, or it has expired.
            ttl = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL_S)}
            self._token = self._service.get("/latest/api/token", ttl, method="PUT") or ""
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
        self._service, self._wait_s, self._is_known = Metadata(url), wait_s, False

    def poll(self) -> Heard | None:
        """Return a preemption, or maintenance that ends the machine."""
        wait = f"?wait_for_change=true&timeout_sec={self._wait_s:g}" if self._is_known else ""
        preempted = self._get(f"preempted{wait}", self._wait_s + ANSWER_WITHIN_S)
        self._is_known = preempted is not None  # The first answer comes at once: it may have happened before.
        if (preempted or "").strip() == "TRUE":
            return Heard(source="gcp preempted", is_certain=True, at=None)
        event = (self._get("maintenance-event", ANSWER_WITHIN_S) or "").strip()
        if event.startswith("TERMINATE"):
            return Heard(source="gcp maintenance", is_certain=False, at=None)
        return None

    def _get(self, path: str, within_s: float) -> str | None:
        headers = {"Metadata-Flavor": "Google"}
        return self._service.get(f"/computeMetadata/v1/instance/{path}", headers, within_s=within_s)


class AzureNotice:
    """Azure's Scheduled Events."""

    poll_every_s = 5.0
    certain = ("Preempt", "Terminate")

    def __init__(self, url: str) -> None:
        self._service = Metadata(url)

    def poll(self) -> Heard | None:
        """Return the event that takes the machine, or the hint that it will be disturbed."""
        told = self._service.read(
            self._service.get("/metadata/scheduledevents?api-version=2020-07-01", {"Metadata": "true"})
        )
        events = told.get("Events") if isinstance(told, dict) else None
        found = [event for event in events or [] if isinstance(event, dict)]
        for event in sorted(found, key=lambda event: event.get("EventType") not in self.certain):
            kind = str(event.get("EventType"))
            return Heard(
                source=f"azure {kind}", is_certain=kind in self.certain, at=instant(event.get("NotBefore"))
            )
        return None


def instant(text: object) -> datetime | None:
    """Return the time a service names, in ISO 8601 or as in e-mail; None where it names none."""
    if not isinstance(text, str) or not text:
        return None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text)
        except (ValueError, TypeError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None
