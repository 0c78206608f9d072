"""Which commitments a run holds by now: the one it was opened on, and what it has seen start."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from advisor.run_commitments import held_now
from model.commitments import Commitment, CommitmentKind
from model.committed import Committed

AT = datetime(2026, 1, 1, tzinfo=UTC)


def committed(name: str, **terms: Any) -> Committed:
    told = {
        "kind": CommitmentKind.RESERVATION,
        "usd_per_hour": 10.0,
        "instances": 8.0,
        "hours": 60.0,
        **terms,
    }
    return Committed(
        commitment=Commitment(name=name, **told), provider="aws", region="r", zone=None, sku="p5"
    )


def held(*stated: Committed, at_work: bool) -> dict[str, Commitment]:
    run = SimpleNamespace(
        origin=SimpleNamespace(as_of=AT),
        job=SimpleNamespace(commitments=stated),
        attempts=[SimpleNamespace(attempt=1, pool_key=stated[0].pool.key)],
        events=[{"event": "started", "attempt": 1}] if at_work else [],
        row=SimpleNamespace(predicted=json.dumps({"commitment": {"name": stated[0].commitment.name}})),
    )
    asked = SimpleNamespace(as_of=AT + timedelta(hours=1), unavailable=frozenset())
    return {each.commitment.name: each.commitment for each in held_now(run, asked)}


def test_another_one_on_offer_in_the_same_pool_is_not_owed() -> None:
    found = held(committed("a"), committed("b"), at_work=True)
    assert found["a"].bought
    assert not found["b"].bought


def test_one_whose_machines_ran_has_started_however_late_it_might_have() -> None:
    block = committed("a", start_hours=(0.0, 12.0))
    assert held(block, at_work=True)["a"].start_hours == (0.0, 0.0)
    assert held(block, at_work=False)["a"].start_hours == (0.0, 11.0)
