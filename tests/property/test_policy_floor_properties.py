"""A floor keeps what it promises: no course of capacity makes it late, and it is never idle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_jobs import jobs

from model.policy import make_policy
from model.policy_replay import Terms, replay_one
from model.spot_safety import Promise

JOBS = jobs(0.0, 0.3)


def played(job: Promise, floor: int, nodes: int, seed: int) -> tuple[float, float]:
    """Return hours done and USD paid: each change of what runs, also to the floor alone, owes a launch."""
    rng = np.random.default_rng(seed)
    policy = make_policy(
        job.task_hours, job.deadline_hours, job.overhead_hours, job.tick_hours, {"a": 1.0}, 3.0, ["a"],
        {"a": [1] * 200}, checkpoint_lag_hours=job.lag_hours, nodes=nodes, floor_nodes=floor,
    )  # fmt: skip
    share = floor / nodes
    speed = {None: share, "spot": 1.0, "od": 1.0}
    held, ran, done, debt, paid = (None, None), None, 0.0, 0.0, 0.0
    for tick in range(job.ticks):
        up = bool(rng.uniform() < (0.4 if held[0] != "spot" else 0.6))
        if held[0] == "spot" and not up:
            held, done = (None, None), max(done - job.lag_hours, 0.0)
        if done >= job.task_hours - 1e-9 * job.tick_hours:
            break
        chosen = policy.decide(tick * job.tick_hours, done, held, {"a": up})
        assert chosen[0] != "spot" or up
        debt = job.overhead_hours if chosen != ran else debt
        stalled = min(debt, job.tick_hours)
        debt, done = debt - stalled, done + speed[chosen[0]] * (job.tick_hours - stalled)
        paid += policy.usd_per_hour(chosen) * job.tick_hours
        held = ran = chosen
    return done, paid


@settings(max_examples=60, deadline=None)
@given(job=JOBS, floor=st.integers(1, 4), seed=st.integers(0, 10**6))
def test_no_course_of_capacity_makes_a_job_with_a_floor_late(job: Promise, floor: int, seed: int) -> None:
    done, _ = played(job, floor, 4, seed)
    assert done >= job.task_hours - 1e-9 * job.tick_hours


@settings(max_examples=25, deadline=None)
@given(job=JOBS, seed=st.integers(0, 10**6))
def test_a_floor_of_all_nodes_costs_on_demand_throughout(job: Promise, seed: int) -> None:
    _, paid = played(job, 3, 3, seed)
    assert paid == pytest.approx(3.0 * job.least_hours())


@settings(max_examples=15, deadline=None)
@given(job=JOBS, seed=st.integers(0, 10**6), nodes=st.integers(1, 9))
def test_without_a_floor_the_number_of_nodes_changes_nothing(job: Promise, seed: int, nodes: int) -> None:
    up = np.random.default_rng(seed).uniform(size=(job.ticks, 1)) < 0.6
    terms = Terms(job, ("a",), np.array([[1.0]]), 3.0)
    told = (job.task_hours, job.deadline_hours, job.overhead_hours, job.tick_hours, {"a": 1.0}, 3.0, ["a"])
    one, many = (replay_one(make_policy(*told, nodes=count), terms, up) for count in (1, nodes))
    assert one == many
