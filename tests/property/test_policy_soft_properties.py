"""What a soft deadline never does: buy on-demand where lateness is free, or risk what cannot be paid."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.policy import make_policy
from model.policy_replay import Terms, replay_one
from model.spot_safety import Promise

TICK = 0.25
JOBS = st.builds(
    Promise,
    task_hours=st.floats(0.5, 8.0),
    deadline_hours=st.floats(0.3, 20.0),
    overhead_hours=st.sampled_from([0.0, 0.05, 0.1]),
    tick_hours=st.just(TICK),
    lag_hours=st.sampled_from([0.0, 0.3]),
)


def course(seed: int, ticks: int) -> np.ndarray:
    """Stretches of two hours and more, a third of them up at least, so that spot is worth its launches."""
    rng = np.random.default_rng(seed)
    found: list[bool] = []
    while len(found) < ticks:
        found += [False] * int(rng.integers(1, 30)) + [True] * int(rng.integers(8, 60))
    return np.array(found[:ticks])


def policy_of(job: Promise, seed: int, worth: float, soft: bool = True):
    return make_policy(
        job.task_hours, job.deadline_hours, job.overhead_hours, job.tick_hours, {"a": 1.0}, 3.0, ["a"],
        history={"a": course(seed + 1, 400)}, checkpoint_lag_hours=job.lag_hours,
        value_of_time_usd_per_hour=worth, soft=soft,
    )  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(job=JOBS, seed=st.integers(0, 10**6))
def test_free_lateness_never_buys_on_demand_where_spot_will_come(job: Promise, seed: int) -> None:
    policy = policy_of(job, seed, 0.0)
    held, done, debt = (None, None), 0.0, 0.0
    for tick, up in enumerate(course(seed, 1000).tolist()):
        if held[0] == "spot" and not up:
            held, debt, done = (None, None), 0.0, max(done - job.lag_hours, 0.0)
        if done >= job.task_hours - 1e-9 * TICK:
            return
        chosen = policy.decide(tick * TICK, done, held, {"a": up})
        assert chosen[0] != "od"
        debt = job.overhead_hours if chosen != held else debt
        paid = min(debt, TICK)
        debt, done = debt - paid, done + (TICK - paid if chosen[0] else 0.0)
        held = chosen
    raise AssertionError("The job never ended.")


@settings(max_examples=25, deadline=None)
@given(job=JOBS.filter(lambda job: job.least_hours() <= job.ticks * TICK), seed=st.integers(0, 10**6))
def test_a_huge_value_of_time_decides_like_a_hard_deadline(job: Promise, seed: int) -> None:
    terms = Terms(job, ("a",), np.array([[1.0]]), 3.0)
    up = course(seed, job.ticks)[:, None]
    late = replay_one(policy_of(job, seed, 1e6), terms, up)
    hard = replay_one(policy_of(job, seed, 0.0, soft=False), terms, up)
    assert not late.missed_B[0]
    assert late == hard
