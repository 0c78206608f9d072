"""Interruption warnings and rebalance recommendations of our own instances, from a queue.

EventBridge puts them there at least once, so an event is stored by its id and once only. A
message leaves the queue after its batch is committed: a process killed between the two
reads it again, and none is lost. A user's own stop sends no event, and hibernation warns of
nothing, so the absence of events is no proof of survival.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pandas as pd

from .aws_clients import SHAPE, asking, pages
from .aws_places import ids_for
from .base import Batch, SourceSkipped

WHAT: Final = {
    "EC2 Spot Instance Interruption Warning": "interruption",
    "EC2 Instance Rebalance Recommendation": "rebalance",
}
NOTICE_S: Final = 120.0  # What AWS promises with a warning to stop or terminate.
SKEW: Final = timedelta(minutes=5)
EMPTY_BYTES: Final = 20  # More than SQS needs to say that there is no message: {} or an empty list.
NO_EVENT: Final = "no interruption or rebalance event"
Machines = dict[str, tuple[str | None, str]]  # Zone ID and SKU by instance id.


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsEvents:
    """`Source` of what waits in one queue. Reading it to its end empties the queue."""

    sqs: Any = field(repr=False)
    queue_url: str
    ec2_for: Callable[[str], Any] = field(repr=False)  # Region to a client, to look instances up.
    now: Callable[[], datetime] = field(repr=False)
    wait_s: int = 20  # Long poll: how long an empty queue is waited at, at most 20 s.
    kind: str = "recorded"
    licence: str = "own events of the account"
    note: str = "best effort of AWS; no event for a user's own stop"

    @property
    def source_id(self) -> str:
        """One source per queue."""
        return f"aws-events/{self.queue_url.rsplit('/', 1)[-1]}"

    @property
    def origin(self) -> str:
        """The queue."""
        return self.queue_url

    def batches(self) -> Iterator[Batch]:
        """Up to ten messages a batch, until none waits; see `base.Source`."""
        while messages := self._receive():
            yield self._batch(messages)
            self._delete(messages)  # We are asked on, so the batch is committed.

    def _receive(self) -> list[dict[str, Any]]:
        """The next messages; none where the queue stayed empty for `wait_s`."""
        with asking(self.sqs, "receive_message"):
            answer = self.sqs.receive_message(
                QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=self.wait_s
            )
            size = int(answer["ResponseMetadata"]["HTTPHeaders"].get("content-length", 0))
            if not answer.get("Messages") and size > EMPTY_BYTES:
                raise ValueError("boto3 takes a damaged body for an empty queue")
            found = answer.get("Messages", [])
            return [{name: m[name] for name in ("ReceiptHandle", "Body")} for m in found]

    def _delete(self, messages: list[dict[str, Any]]) -> None:
        """Take messages off the queue. One that stays comes again and is stored no second time."""
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages)
        ]
        with asking(self.sqs, "delete_message_batch"):
            self.sqs.delete_message_batch(QueueUrl=self.queue_url, Entries=entries)

    def _batch(self, messages: list[dict[str, Any]]) -> Batch:
        """Events with their machines; messages that are no such event with the reason."""
        at, events, strange = self.now(), [], []
        for message in messages:
            try:
                event = read_event(message["Body"])
                late = event["effective_at"] > pd.Timestamp(at + SKEW)
                reason = "event lies in the future" if late else None
            except (*SHAPE, OverflowError):
                reason = NO_EVENT
            if reason:
                strange.append((reason, json.dumps({"body": message["Body"]})))
            else:
                events.append(event)
        rejected = pd.DataFrame(strange, columns=["reason", "content"])
        return Batch(interruptions=self._frame(events, at) if events else None, rejected=rejected)

    def _frame(self, events: list[dict[str, Any]], at: datetime) -> pd.DataFrame:
        """Rows of `interruptions`."""
        machines: Machines = {}
        for region in sorted({event["region"] for event in events}):
            ids = sorted({event["instance_ref"] for event in events if event["region"] == region})
            machines |= self._machines(region, ids)
        frame = pd.DataFrame(events)
        found = [machines.get(event["instance_ref"], (None, None)) for event in events]
        places = pd.DataFrame(found, columns=["zone", "sku"], dtype="object")
        return frame.join(places).assign(provider="aws", witness="eventbridge", observed_at=pd.Timestamp(at))

    def _machines(self, region: str, ids: list[str]) -> Machines:
        """Zone and SKU of instances; empty where we may not look them up, for the event counts more."""
        try:
            ec2 = self.ec2_for(region)
            with asking(ec2, "describe_instances"):
                return machines_of(ec2, ids)
        except SourceSkipped:
            return {}


def read_event(body: str) -> dict[str, Any]:
    """One message of the queue as a row, without its machine.

    Raises:
        One of SHAPE, OverflowError: It is no interruption or rebalance event.
    """
    event = json.loads(body)
    what = WHAT[event["detail-type"]]
    action = event["detail"].get("instance-action")
    warned = what == "interruption" and action != "hibernate"  # Hibernation begins at once.
    at = datetime.fromisoformat(event["time"])
    if at.tzinfo is None:
        raise ValueError("an instant without a zone")
    return {
        "event_id": str(event["id"]),
        "what": what,
        "region": str(event["region"]),
        "instance_ref": str(event["detail"]["instance-id"]),
        "action": action,
        "notice_s": NOTICE_S if warned else None,
        "effective_at": pd.Timestamp(at.astimezone(UTC)),
    }


def machines_of(ec2: Any, ids: list[str]) -> Machines:
    """Zone ID and SKU of instances that still exist; AWS forgets them an hour after their end."""
    wanted = [{"Name": "instance-id", "Values": ids}]  # A filter, since an unknown id is an error elsewhere.
    reservations = pages(ec2, "describe_instances", "Reservations", Filters=wanted)
    instances = [instance for reservation in reservations for instance in reservation["Instances"]]
    zones = ids_for(ec2, [instance["Placement"] for instance in instances])
    return {
        instance["InstanceId"]: (zone, instance["InstanceType"])
        for instance, zone in zip(instances, zones, strict=True)
    }
