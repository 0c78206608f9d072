"""Instances of one provider's GPU, as they were known at an instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2023, 3, 1, tzinfo=UTC)
EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"
WEST = "aws/us-west-2/name:us-west-2a/p3.16xlarge/spot"  # Another machine of the same GPU.
OTHER = "aws/us-west-2/name:us-west-2a/p4d.24xlarge/spot"


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def found(store, *, from_hour: float = 0, hour: float = 10):
    rows = store.tenures_of_kind("aws", "V100-16GB", from_at=at(from_hour), as_of=at(hour))
    return [(row.pool.key, row.instance_ref, row.ended_at) for row in rows]


def test_every_pool_of_the_gpu_speaks_and_no_other(store, give):
    give(
        tenures=[
            (EAST, "a", at(1), at(4), at(4)),
            (WEST, "b", at(2), None, at(5)),
            (OTHER, "c", at(1), at(2), at(2)),
        ]
    )
    assert found(store) == [(EAST, "a", at(4)), (WEST, "b", None)]


def test_an_instance_is_told_once_as_last_seen_by_then(store, give):
    give(
        tenures=[
            (EAST, "a", at(1), None, at(1)),
            (EAST, "a", at(1), None, at(3)),
            (EAST, "a", at(1), at(8), at(8)),
        ]
    )
    assert found(store, hour=5) == [(EAST, "a", None)]
    assert found(store, hour=9) == [(EAST, "a", at(8))]


def test_instances_that_began_before_are_left_out(store, give):
    give(tenures=[(EAST, "a", at(1), at(4), at(4)), (EAST, "b", at(3), at(4), at(4))])
    assert found(store, from_hour=2) == [(EAST, "b", at(4))]
