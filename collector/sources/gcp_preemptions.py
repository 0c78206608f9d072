"""Preemptions of our own machines at Google, from the audit log that Google writes itself.

The log is the witness: it is written after the fact, so there is no notice in it. One
preemption may stand there twice, as the first and the last entry of one operation, and one
reading overlaps the last; a preemption is stored by its operation and once only. The log names
the machine by its number and not by its type, so the type is looked up where that is
possible, and is unknown where the machine is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import pandas as pd

from .base import Batch, SourceSkipped, UnreadableSource
from .findings import instant
from .retry import endpoint
from .web import MISSHAPEN, PATIENT, Patience, Shaped, bearer, json_answer, pages

METHOD: Final = "compute.instances.preempted"
LOG: Final = "cloudaudit.googleapis.com%2Fsystem_event"
OVERLAP: Final = timedelta(hours=2)  # Entries may arrive late; what is read again is stored once.
FIRST_LOOK: Final = timedelta(days=30)  # How far back to look where nothing was read before.
SKEW: Final = timedelta(minutes=5)
PAGE_SIZE: Final = 1000  # The most that Cloud Logging gives.
Lookup = Callable[[str, str], str | None]  # Zone and instance id to machine type, None where unknown.


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpPreemptions:
    """`Source` of one project's preemptions.

    Args:
        client: Its base URL is https://logging.googleapis.com outside tests.
        token: Gives an access token of a credential that may read logs (logging.logEntries.list).
        project: Whose machines.
        since: Newest preemption known, aware; a little before it is read again. None: 30 days.
        now: The clock, in UTC.
        machine_of: Looks a machine type up, e.g. `machine_lookup`; None leaves it unknown.
    """

    client: httpx.Client = field(repr=False)
    token: Callable[[], str] = field(repr=False)
    project: str = field(repr=False)
    since: datetime | None
    now: Callable[[], datetime] = field(repr=False)
    machine_of: Lookup | None = field(default=None, repr=False)
    patience: Patience = field(default=PATIENT, repr=False)
    page_size: int = PAGE_SIZE
    source_id: str = "gcp-preemptions"
    kind: str = "recorded"
    licence: str = "own events of the project"
    note: str = "own machines only; the log gives no notice; the type is unknown where the machine is gone"
    origin: str = "logging.googleapis.com/v2/entries:list"

    def batches(self) -> Iterator[Batch]:
        """One batch per page, oldest first; see `base.Source`."""
        at, token = self.now(), self.token()
        known: set[str] = set()
        for entries in pages(self._request(token, at, ""), lambda request: self._page(request, token, at)):
            yield self._batch(entries, at, known)

    def _request(self, token: str, at: datetime, page: str) -> httpx.Request:
        """The question for one page. Everything but the page's token stays the same."""
        from_at = (self.since - OVERLAP if self.since else at - FIRST_LOOK).astimezone(UTC)
        clauses = (
            f'logName="projects/{self.project}/logs/{LOG}"',
            f'protoPayload.methodName="{METHOD}"',
            f'timestamp>="{from_at:%Y-%m-%dT%H:%M:%SZ}"',
        )
        body = {
            "resourceNames": [f"projects/{self.project}"],
            "filter": " AND ".join(clauses),
            "orderBy": "timestamp asc",
            "pageSize": self.page_size,
            **({"pageToken": page} if page else {}),
        }
        return self.client.build_request("POST", "/v2/entries:list", json=body, headers=bearer(token))

    def _page(self, request: httpx.Request, token: str, at: datetime) -> tuple[Any, httpx.Request | None]:
        """Entries of a page, and the request of the next; a page may be empty and not the last."""
        answer = json_answer(self.client, request, self.patience)
        with Shaped(endpoint(request)):
            following = answer.get("nextPageToken", "")
            return list(answer.get("entries", [])), (
                self._request(token, at, str(following)) if following else None
            )

    def _batch(self, entries: list[Any], at: datetime, known: set[str]) -> Batch:
        """Preemptions of a page that no entry before told; entries that are none, with the reason."""
        events, strange = [], []
        for entry in entries:
            event, reason = _judged(entry, at)
            if reason:
                strange.append((reason, _name_of(entry)))
            elif event["event_id"] not in known:
                known.add(event["event_id"])
                events.append(event)
        rejected = pd.DataFrame(strange, columns=["reason", "content"])
        return Batch(interruptions=self._frame(events, at) if events else None, rejected=rejected)

    def _frame(self, events: list[dict[str, Any]], at: datetime) -> pd.DataFrame:
        """Rows of `interruptions`."""
        find = self.machine_of or _unknown
        types = [find(event["zone"], event["instance_ref"]) for event in events]
        return pd.DataFrame(events).assign(
            sku=pd.Series(types, dtype="object"),
            provider="gcp", what="preempted", witness="audit_log", action=None, notice_s=None,
            observed_at=pd.Timestamp(at),
        )  # fmt: skip


def read_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """One entry of the audit log as a row, without its machine.

    Raises:
        One of MISSHAPEN: It is no preemption.
    """
    if entry["protoPayload"]["methodName"] != METHOD:
        raise ValueError("another method")
    labels = entry["resource"]["labels"]
    zone, number = str(labels["zone"]), str(labels["instance_id"])
    region, _, last = zone.rpartition("-")
    if not (region and last and number):
        raise ValueError("a machine without a place")
    return {
        "event_id": str(entry["operation"]["id"]),
        "region": region,
        "zone": zone,
        "instance_ref": number,
        "effective_at": pd.Timestamp(instant(entry["timestamp"])),
    }


def _judged(entry: Any, at: datetime) -> tuple[dict[str, Any], str | None]:
    """The row, and why it is none."""
    try:
        event = read_entry(entry)
    except (*MISSHAPEN, OverflowError):
        return {}, "no preemption with a machine, an operation and a time"
    late = event["effective_at"] > pd.Timestamp(at + SKEW)
    return event, "event lies in the future" if late else None


def _name_of(entry: Any) -> str:
    """What names an entry in the quarantine; the rest of it may name people."""
    number = entry.get("insertId") if isinstance(entry, Mapping) else None
    return f'{{"insertId": "{number if str(number).isalnum() else ""}"}}'


def _unknown(_zone: str, _number: str) -> None:
    """Where no machine can be looked up."""


def machine_lookup(
    client: httpx.Client, token: Callable[[], str], project: str, patience: Patience = PATIENT
) -> Lookup:
    """A lookup of machine types by instances.get; `client` has https://compute.googleapis.com as base URL.

    What cannot be looked up, because the machine is gone or the credential may not, is unknown:
    the preemption counts more than its machine.

    Raises (when called):
        SourceUnavailable: Busy for longer than the patience; the page is read again next time.
    """

    def find(zone: str, number: str) -> str | None:
        path = f"/compute/v1/projects/{project}/zones/{zone}/instances/{number}"
        request = client.build_request("GET", path, params={"fields": "machineType"}, headers=bearer(token()))
        try:
            answer = json_answer(client, request, patience)
        except (SourceSkipped, UnreadableSource):
            return None
        url = answer.get("machineType") if isinstance(answer, Mapping) else None
        return str(url).rpartition("/")[2] if url else None

    return find
