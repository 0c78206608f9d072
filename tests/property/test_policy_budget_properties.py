"""What is counted is what is billed; a hard deadline goes before a budget, a soft one after it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_jobs import jobs

from model.policy import make_policy
from model.policy_replay import Terms, replay_one
from model.spot_safety import Promise

JOBS = jobs(0.0)


def told(job: Promise) -> tuple[object, ...]:
    prices = {"a": 1.0, "b": 1.2}
    return job.task_hours, job.deadline_hours, job.overhead_hours, job.tick_hours, prices, 3.0, ["a", "b"]


@settings(max_examples=40, deadline=None)
@given(job=JOBS, seed=st.integers(0, 10**6), ample=st.floats(1.0, 3.0))
def test_the_tally_is_the_bill_and_a_budget_moves_no_hard_deadline(
    job: Promise, seed: int, ample: float
) -> None:
    rng = np.random.default_rng(seed)
    up = np.repeat(rng.uniform(size=(job.ticks // 4 + 1, 2)) < rng.uniform(), 4, axis=0)[: job.ticks]
    terms = Terms(job, ("a", "b"), np.array([[1.0, 1.2]]), 3.0)
    free = make_policy(*told(job))
    tight = make_policy(*told(job), budget_usd=job.least_hours() * ample)
    bill = replay_one(free, terms, up)
    assert free.spent_usd == pytest.approx(bill.cost_usd_B[0])
    assert replay_one(tight, terms, up) == bill


@settings(max_examples=40, deadline=None)
@given(job=JOBS, seed=st.integers(0, 10**6), ample=st.floats(1.0, 3.5), worth=st.floats(0.0, 60.0))
def test_under_a_soft_deadline_no_on_demand_is_begun_that_the_budget_does_not_finish(
    job: Promise, seed: int, ample: float, worth: float
) -> None:
    rng, budget = np.random.default_rng(seed), job.least_hours() * ample
    policy = make_policy(*told(job), budget_usd=budget, soft=True, value_of_time_usd_per_hour=worth)
    held, done, debt, spent = (None, None), 0.0, 0.0, 0.0
    for tick in range(3 * job.ticks):
        up = {"a": bool(rng.uniform() < 0.4), "b": bool(rng.uniform() < 0.3)}
        held = held if held[0] != "spot" or up[held[1]] else (None, None)
        if done >= job.task_hours - 1e-9 * job.tick_hours:
            break
        chosen = policy.decide(tick * job.tick_hours, done, held, up)
        debt = job.overhead_hours if chosen != held else debt
        if chosen[0] == "od":
            finish = job.ticks_on_demand(job.task_hours - done, debt) * job.tick_hours * 3.0
            assert spent + finish <= budget + 1e-6
        stalled = min(debt, job.tick_hours)
        debt, done = debt - stalled, done + (job.tick_hours - stalled if chosen[0] else 0.0)
        spent += job.tick_hours * {None: 0.0, "od": 3.0, "spot": 1.2 if chosen[1] == "b" else 1.0}[chosen[0]]
        assert policy.spent_usd == pytest.approx(spent)
        held = chosen
