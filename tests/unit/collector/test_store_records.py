"""What the advisor keeps in the store comes back byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from model.errors import ImpossibleInput

T0 = datetime(2026, 1, 1, tzinfo=UTC)
POOL = "aws/us-east-1/use1-az1/p5.48xlarge/spot"


@pytest.fixture
def run_id(store) -> str:
    store.open_run(
        "run-1", recommendation_id="rec-1", opened_at=T0, clock={"compression": 60}, predicted=b"{}"
    )
    return "run-1"


def event(seq, node="0", attempt=1, at="2026-01-01T00:00:01.000001Z", **fields):
    return {"attempt": attempt, "node": node, "seq": seq, "at": at, "event": "step", **fields}


def test_a_recommendation_comes_back_byte_for_byte_and_the_first_stands(store):
    body = bytes(range(256))
    store.save_recommendation("rec-1", as_of=T0, request=b"{}", body=body)
    store.save_recommendation("rec-1", as_of=T0, request=b"{}", body=b"other")
    assert store.recommendation("rec-1") == body
    assert store.recommendation("rec-2") is None


def test_a_run_comes_back_as_it_was_opened(store, run_id):
    row = store.run(run_id)
    assert (row.recommendation_id, row.opened_at, row.clock, row.predicted) == (
        "rec-1",
        T0,
        {"compression": 60},
        b"{}",
    )
    assert store.runs() == [row]
    assert store.run("run-2") is None


def test_a_run_is_opened_once(store, run_id):
    with pytest.raises(ImpossibleInput, match="exists already"):
        store.open_run(run_id, recommendation_id="r", opened_at=T0, clock=None, predicted=b"")


def test_attempts_are_numbered_from_one(store, run_id):
    numbers = [store.issue_attempt(run_id, pool_key=POOL, issued_at=T0, plan=b"p%d" % i) for i in range(3)]
    assert numbers == [1, 2, 3]
    assert [(a.attempt, a.pool_key, a.plan) for a in store.attempts(run_id)] == [
        (1, POOL, b"p0"),
        (2, POOL, b"p1"),
        (3, POOL, b"p2"),
    ]


def test_events_are_taken_once_and_counted(store, run_id):
    assert store.append_events(run_id, [event(1), event(2), event(2)]) == (2, 1)
    assert store.append_events(run_id, [event(2), event(3)]) == (1, 1)
    assert [e["seq"] for e in store.events(run_id)] == [1, 2, 3]


def test_an_event_that_contradicts_the_stored_one_is_quarantined_once(store, run_id):
    store.append_events(run_id, [event(1, loss=2.0)])
    for _ in range(2):
        assert store.append_events(run_id, [event(1, loss=9.0)]) == (0, 0)
    assert [e["loss"] for e in store.events(run_id)] == [2.0]
    with store.transaction() as cursor:
        found = cursor.sql("SELECT source_id, reason FROM quarantine").fetchall()
    assert found == [("run:run-1", "conflicting event")]


def test_events_come_back_by_attempt_time_node_and_seq(store, run_id):
    sent = [
        event(7, attempt=2, at="2026-01-01T00:00:00Z"),
        event(2, node="launcher", at="2026-01-01T00:00:05Z"),
        event(9, node="0", at="2026-01-01T00:00:05Z"),
        event(1, node="0", at="2026-01-01T00:00:09Z"),
    ]
    store.append_events(run_id, sent)
    assert [(e["attempt"], e["node"], e["seq"]) for e in store.events(run_id)] == [
        (1, "0", 9),
        (1, "launcher", 2),
        (1, "0", 1),
        (2, "0", 7),
    ]


@pytest.mark.parametrize("broken", [{"seq": 1}, event("x"), event(1, at="yesterday"), event(1, at=None)])
def test_an_event_without_a_key_is_refused_with_a_sentence(store, run_id, broken):
    with pytest.raises(ImpossibleInput, match="lacks a usable"):
        store.append_events(run_id, [broken])


def test_events_of_an_unknown_run_are_refused(store):
    with pytest.raises(ImpossibleInput, match="'ghost' is unknown"):
        store.append_events("ghost", [event(1)])


def test_an_empty_batch_of_events_is_nothing(store, run_id):
    assert store.append_events(run_id, []) == (0, 0)
