"""No course of capacity, however spiteful, makes a policy miss a deadline that on-demand can keep."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_jobs import jobs

from model.policy import make_policy
from model.policy_peers import PEERS
from model.policy_replay import Terms, omniscient_usd, replay, replay_one
from model.spot_safety import Promise

JOBS = jobs(0.0, 0.3)


def courses(job: Promise, pools: int, seed: int) -> np.ndarray:
    """Stretches of random length, and flickers."""
    rng = np.random.default_rng(seed)
    length = int(rng.integers(1, 12))
    up = np.repeat(rng.uniform(size=(job.ticks // length + 1, pools)) < rng.uniform(), length, axis=0)
    flips = rng.uniform(size=up.shape) < rng.choice([0.0, 0.1, 0.5])
    return (up ^ flips)[: job.ticks]


@settings(max_examples=60, deadline=None)
@given(job=JOBS, pools=st.integers(1, 3), seed=st.integers(0, 10**6))
def test_no_policy_misses_and_none_beats_omniscience(job: Promise, pools: int, seed: int) -> None:
    names = tuple("abc"[:pools])
    field = Terms(job, names, np.array([[1.0, 1.1, 1.3][:pools]]), 3.0)
    up = courses(job, pools, seed)
    policy = make_policy(
        job.task_hours, job.deadline_hours, job.overhead_hours, job.tick_hours,
        dict(zip(names, field.spot_usd_per_hour_NP[0], strict=True)), 3.0, list(names),
        checkpoint_lag_hours=job.lag_hours,
    )  # fmt: skip
    bill = replay_one(policy, field, up)
    least = omniscient_usd(field, up[:, None])[0]
    assert not bill.missed_B[0]
    assert bill.cost_usd_B[0] >= least - 1e-6
    for name, peer in PEERS.items():
        assert not replay(peer(), field, up[:, None]).missed_B[0], name


@settings(max_examples=40, deadline=None)
@given(job=JOBS, seed=st.integers(0, 10**6))
def test_spot_that_is_lost_as_soon_as_it_is_taken_makes_nobody_late(job: Promise, seed: int) -> None:
    policy = make_policy(
        job.task_hours, job.deadline_hours, job.overhead_hours, job.tick_hours, {"a": 1.0}, 3.0, ["a"],
        history={"a": [1] * 300}, checkpoint_lag_hours=job.lag_hours,
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    held: tuple[str | None, str | None] = (None, None)
    done = debt = 0.0
    for tick in range(job.ticks):
        up = bool(rng.uniform() < 0.5) if held[0] != "spot" else bool(rng.uniform() < 0.2)
        if held[0] == "spot" and not up:
            held, debt = (None, None), 0.0
            done = max(done - job.lag_hours, 0.0)  # The work since the last commit is gone.
        if done >= job.task_hours - 1e-9 * job.tick_hours:
            break
        chosen = policy.decide(tick * job.tick_hours, done, held, {"a": up})
        assert chosen[0] != "spot" or up
        if chosen[0] is not None:
            debt = job.overhead_hours if chosen != held else debt
            paid = min(debt, job.tick_hours)
            debt, done = debt - paid, done + job.tick_hours - paid
        held = chosen
    assert done >= job.task_hours - 1e-9 * job.tick_hours
