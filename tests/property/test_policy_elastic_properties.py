"""An elastic job is never late, is never sent where nodes are not, and is billed for those it has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_jobs import jobs

from model.policy import make_policy
from model.policy_replay import Terms, replay_one
from model.spot_safety import Promise

NODES = 8
JOBS = jobs(0.0, 0.3)


def capacity(rng: np.random.Generator, ticks: int, stretch: float) -> np.ndarray:
    """All nodes, none, or some, for a while each."""
    found: list[int] = []
    while len(found) < ticks:
        draw = rng.uniform()
        count = NODES if draw < 0.45 else 0 if draw < 0.6 else int(rng.integers(1, NODES))
        found += [count] * int(1 + rng.exponential(stretch))
    return np.array(found[:ticks])


def policy_of(job: Promise, history: np.ndarray, floor: int = 0, elastic: bool = True):
    return make_policy(
        job.task_hours, job.deadline_hours, job.overhead_hours, job.tick_hours, {"a": 1.0}, 3.0, ["a"],
        {"a": history >= NODES}, checkpoint_lag_hours=job.lag_hours, nodes=NODES, floor_nodes=floor,
        elastic=elastic,
    )  # fmt: skip


def played(job: Promise, policy, nodes_T: np.ndarray) -> tuple[float, float]:
    """Return hours done and USD paid; every change of the nodes at work owes the overhead."""
    held, ran, done, debt, paid = (None, None), None, 0.0, 0.0, 0.0
    for tick in range(job.ticks):
        there = int(nodes_T[tick])
        if held[0] == "spot" and there < policy.spot_nodes_now:
            held, done = (None, None), max(done - job.lag_hours, 0.0)
        if done >= job.task_hours - 1e-9 * job.tick_hours:
            break
        policy.update_capacity(tick * job.tick_hours, {"a": there})
        chosen = policy.decide(tick * job.tick_hours, done, held, {"a": there >= NODES})
        spot, steady = policy.spot_nodes_now, policy.nodes_now - policy.spot_nodes_now
        assert spot <= there
        assert (spot > 0) is (chosen[0] == "spot")
        debt = job.overhead_hours if (chosen, spot, steady) != ran or held != chosen else debt
        stalled = min(debt, job.tick_hours)
        debt, done = debt - stalled, done + (spot + steady) / NODES * (job.tick_hours - stalled)
        paid += (spot * 1.0 + steady * 3.0) / NODES * job.tick_hours
        held, ran = chosen, (chosen, spot, steady)
        assert policy.spent_usd == pytest.approx(paid)
    return done, paid


@settings(max_examples=60, deadline=None)
@given(job=JOBS, seed=st.integers(0, 10**6), floor=st.sampled_from([0, 0, 2]))
def test_no_course_of_nodes_makes_an_elastic_job_late(job: Promise, seed: int, floor: int) -> None:
    rng = np.random.default_rng(seed)
    policy = policy_of(job, capacity(rng, 300, 6.0), floor)
    done, _ = played(job, policy, capacity(rng, job.ticks, float(rng.choice([0.1, 2.0, 20.0]))))
    assert done >= job.task_hours - 1e-9 * job.tick_hours


@settings(max_examples=20, deadline=None)
@given(job=JOBS, seed=st.integers(0, 10**6))
def test_a_job_that_is_told_nothing_of_nodes_decides_as_one_that_is_not_elastic(
    job: Promise, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    history, up = capacity(rng, 300, 6.0), capacity(rng, job.ticks, 4.0)[:, None] >= NODES
    terms = Terms(job, ("a",), np.array([[1.0]]), 3.0)
    one, other = (replay_one(policy_of(job, history, elastic=each), terms, up) for each in (True, False))
    assert one == other


def test_parts_of_pools_that_last_for_hours_save_money() -> None:
    # 12 h of work in 16 h, parts that last four hours in the mean: over 12 jobs by a tenth at least.
    rng, job = np.random.default_rng(5), Promise(12.0, 16.0, 0.05, 0.25)
    paid = {True: 0.0, False: 0.0}
    for _ in range(12):
        history, nodes_T = capacity(rng, 600, 16.0), capacity(rng, job.ticks, 16.0)
        for each in paid:
            paid[each] += played(job, policy_of(job, history, elastic=each), nodes_T)[1]
    assert paid[True] < 0.9 * paid[False]
