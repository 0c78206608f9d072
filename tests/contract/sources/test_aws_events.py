"""Interruption warnings from a queue: against the fake, and EventBridge to SQS inside moto."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_fake import Answer, Failure
from aws_stage import BUSY, REFUSED, account
from conformance import NOW, Make, SourceConformance, facts_of, trouble_of

from collector.ingest import ingest
from collector.sources.aws_clients import aws_clients
from collector.sources.aws_events import NO_EVENT, AwsEvents
from collector.sources.base import SourceUnavailable
from collector.store import Store

QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/lowtide-events"
WARNING = "EC2 Spot Instance Interruption Warning"
REBALANCE = "EC2 Instance Rebalance Recommendation"
MACHINE = {
    "InstanceId": "i-0", "InstanceType": "p5.48xlarge",
    "Placement": {"AvailabilityZone": "us-east-1a", "AvailabilityZoneId": "use1-az4"},
}  # fmt: skip


def event(number: int, *, what=WARNING, action: str | None = "terminate", minutes_ago: float = 5) -> str:
    """The body EventBridge puts into the queue."""
    at = (NOW - timedelta(minutes=minutes_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    detail = {"instance-id": f"i-{number}", **({"instance-action": action} if action else {})}
    return json.dumps(
        {"version": "0", "id": f"event-{number}", "detail-type": what, "source": "aws.ec2",
         "account": "123456789012", "time": at, "region": "us-east-1", "resources": [], "detail": detail}
    )  # fmt: skip


@dataclass
class Queue:
    """A queue that hands out what was not deleted, up to ten at a time."""

    bodies: list[str]
    scenario: str = "plain"
    lookup: Answer = field(default_factory=lambda: {"Reservations": [{"Instances": [MACHINE]}]})
    deleted: list[str] = field(default_factory=list)
    calls: int = 0

    def __call__(self, operation: str, params: dict[str, Any]) -> Answer:
        if operation == "DescribeInstances":
            return self.lookup
        if operation == "DeleteMessageBatch":
            self.deleted += [entry["ReceiptHandle"] for entry in params["Entries"]]
            return {"Successful": [{"Id": entry["Id"]} for entry in params["Entries"]], "Failed": []}
        self.calls += 1
        if self.scenario == "denied":
            return REFUSED
        if self.scenario == "malformed":
            return b'{"Messages": [{"Body": "cut short'
        if (self.scenario, self.calls) == ("busy_once", 1) or (self.scenario == "busy" and self.deleted):
            return BUSY
        return {"Messages": self.waiting()[: params["MaxNumberOfMessages"]]}

    def waiting(self) -> list[dict[str, str]]:
        every = [
            {"MessageId": str(i), "ReceiptHandle": f"h{i}", "Body": body}
            for i, body in enumerate(self.bodies)
        ]
        return [message for message in every if message["ReceiptHandle"] not in self.deleted]


def source(client_for: Any, queue_url: str = QUEUE) -> AwsEvents:
    return AwsEvents(
        sqs=client_for("sqs", "us-east-1"),
        queue_url=queue_url,
        ec2_for=lambda region: client_for("ec2", region),
        now=lambda: NOW,
        wait_s=0,
    )


class TestAwsEvents(SourceConformance):
    endpoint = "sqs ReceiveMessage in us-east-1"
    rows_before_busy = 10

    @pytest.fixture
    def make(self, clients_for) -> Make:
        def made(scenario: str) -> AwsEvents:
            return source(clients_for(Queue([event(n) for n in range(12)], scenario)))

        return made


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open(None, clock=lambda: NOW) as opened:
        yield opened


def stored(store: Store, columns: str) -> list[tuple[Any, ...]]:
    with store.transaction() as cursor:
        found = cursor.sql(f"SELECT {columns} FROM interruption_event ORDER BY event_id").to_arrow_table()
        return [tuple(row.values()) for row in found.to_pylist()]


def test_a_warning_is_stored_with_its_machine_and_two_minutes_of_notice(store):
    with account(Queue([event(0)])) as (client_for, _):
        ingest(store, source(client_for))
    columns = "what, witness, region, zone, sku, instance_ref, action, notice_s, effective_at"
    ((*words, at),) = stored(store, columns)
    assert words == [
        "interruption", "eventbridge", "us-east-1", "use1-az4", "p5.48xlarge", "i-0", "terminate", 120.0
    ]  # fmt: skip
    assert at.astimezone(UTC) == NOW - timedelta(minutes=5)


def test_hibernation_and_a_recommendation_promise_no_notice(store):
    bodies = [event(0, action="hibernate"), event(1, what=REBALANCE, action=None)]
    with account(Queue(bodies)) as (client_for, _):
        ingest(store, source(client_for))
    assert stored(store, "what, action, notice_s") == [
        ("interruption", "hibernate", None),
        ("rebalance", None, None),
    ]


def test_an_event_delivered_twice_is_stored_once(store):
    with account(Queue([event(0), event(1), event(0)])) as (client_for, _):
        report = ingest(store, source(client_for))
    assert (report.rows_in, report.rows_new, report.rows_duplicate) == (3, 2, 1)


def test_a_message_leaves_the_queue_only_after_its_batch_is_committed(store):
    queue = Queue([event(n) for n in range(12)])
    seen: list[tuple[int, int]] = []
    with account(queue) as (client_for, _):
        ingest(store, source(client_for), progress=lambda r: seen.append((r.rows_new, len(queue.deleted))))
    # When ten rows were committed none was deleted; when twelve were, the first ten.
    assert seen == [(10, 0), (12, 10)]
    assert len(queue.deleted) == 12


def test_an_event_that_could_not_be_committed_stays_in_the_queue_and_comes_again(store):
    queue = Queue([event(0)])

    def killed(_: object) -> None:
        raise KeyboardInterrupt

    with account(queue) as (client_for, _):
        with pytest.raises(KeyboardInterrupt):
            ingest(store, source(client_for), progress=killed)
        assert queue.deleted == []
        report = ingest(store, source(client_for))
    assert (report.rows_new, report.rows_duplicate) == (0, 1)  # Committed before the kill, and read again.
    assert queue.deleted == ["h0"]


@pytest.mark.parametrize(
    "body",
    [
        "no JSON",
        "[]",
        "{}",
        '{"detail-type": "Another Event"}',
        event(0).replace("Z", ""),
        event(0).replace("2026-11-20T11:55:00Z", "0001-01-01T00:00:00+14:00"),
        event(0).replace('"detail": {', '"detail": [{').replace("}}", "}]}"),
    ],
)
def test_a_message_that_is_no_such_event_is_quarantined_and_deleted(store, body):
    queue = Queue([body, event(1)])
    with account(queue) as (client_for, _):
        report = ingest(store, source(client_for))
    assert report.rows_new == 1
    assert report.reasons == {NO_EVENT: 1}
    assert len(queue.deleted) == 2


def test_an_event_of_tomorrow_is_quarantined(store):
    with account(Queue([event(0, minutes_ago=-6)])) as (client_for, _):
        report = ingest(store, source(client_for))
    assert report.reasons == {"event lies in the future": 1}


@pytest.mark.parametrize("lookup", [{"Reservations": []}, Failure(403, "UnauthorizedOperation")])
def test_an_event_of_an_instance_that_cannot_be_looked_up_is_kept_without_machine(store, lookup):
    with account(Queue([event(0)], lookup=lookup)) as (client_for, _):
        ingest(store, source(client_for))
    assert stored(store, "instance_ref, zone, sku") == [("i-0", None, None)]


def test_an_event_of_a_region_that_cannot_be_one_is_kept_without_machine(store):
    with account(Queue([event(0).replace("us-east-1", "us east")])) as (client_for, _):
        assert ingest(store, source(client_for)).rows_new == 1
    assert stored(store, "region, sku") == [("us east", None)]


def test_a_lookup_that_is_busy_leaves_the_message_for_later(store):
    queue = Queue([event(0)], lookup=BUSY)
    with account(queue) as (client_for, _):
        assert isinstance(trouble_of(source(client_for)), SourceUnavailable)
    assert queue.deleted == []


def test_an_empty_queue_is_no_trouble():
    with account(Queue([])) as (client_for, _):
        assert facts_of(source(client_for)) == {}


def test_a_warning_travels_from_eventbridge_through_the_queue_into_the_store(moto_account, store):
    client_for = moto_account
    sqs, events = client_for("sqs", "us-east-1"), client_for("events", "us-east-1")
    url = sqs.create_queue(QueueName="warnings")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    # Only AWS may send as aws.ec2, so the rule of the test listens to another source.
    pattern = json.dumps({"source": ["lowtide.test"], "detail-type": [WARNING]})
    events.put_rule(Name="warnings", EventPattern=pattern)
    events.put_targets(Rule="warnings", Targets=[{"Id": "queue", "Arn": arn}])
    ec2 = client_for("ec2", "us-east-1")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    (instance,) = ec2.run_instances(ImageId=image, InstanceType="p4d.24xlarge", MinCount=1, MaxCount=1)[
        "Instances"
    ]
    detail = json.dumps({"instance-id": instance["InstanceId"], "instance-action": "terminate"})
    sent = {
        "Source": "lowtide.test",
        "DetailType": WARNING,
        "Detail": detail,
        "Time": datetime(2026, 11, 20, tzinfo=UTC),
    }
    events.put_events(Entries=[sent])
    report = ingest(store, source(client_for, url))
    assert report.rows_new == 1
    ((what, ref, sku, zone),) = stored(store, "what, instance_ref, sku, zone")
    assert (what, ref, sku) == ("interruption", instance["InstanceId"], "p4d.24xlarge")
    assert zone.startswith("use1-az")
    assert ingest(store, source(client_for, url)).rows_in == 0  # The queue is empty.


@pytest.fixture
def moto_account(monkeypatch) -> Iterator[Callable[[str, str], Any]]:
    """Clients of an account that moto plays, over HTTP."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    yield aws_clients(attempts=2)
    server.stop()
