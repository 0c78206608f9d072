"""Many jobs asked together decide as each of them does alone."""

from __future__ import annotations

import numpy as np
import pytest

from model.errors import ImpossibleInput
from model.policy import make_policy
from model.policy_batch import Together
from model.policy_replay import Terms, replay, replay_one
from model.spot_safety import Promise

PRICES = {"a": 1.0, "b": 1.1}
JOB = Promise(12.0, 20.0, 0.2, 0.5)
TERMS = Terms(JOB, ("a", "b"), np.array([list(PRICES.values())]), 3.0)


def policies(history_NBP: np.ndarray):
    return [
        make_policy(
            12.0,
            20.0,
            0.2,
            0.5,
            PRICES,
            3.0,
            list(PRICES),
            {"a": history_NBP[:, job, 0], "b": history_NBP[:, job, 1]},
        )
        for job in range(history_NBP.shape[1])
    ]


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_decides_as_each_job_does_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    up = np.repeat(rng.uniform(size=(40, 7, 2)) < 0.5, 4, axis=0)
    history, ahead = up[:100], up[100 : 100 + JOB.ticks]
    many = replay(Together(policies(history)), TERMS, ahead)
    alone = [replay_one(policy, TERMS, ahead[:, job]) for job, policy in enumerate(policies(history))]
    assert many.cost_usd_B == pytest.approx([bill.cost_usd_B[0] for bill in alone])
    assert many.launches_B.tolist() == [bill.launches_B[0] for bill in alone]
    assert many.on_demand_hours_B.tolist() == [bill.on_demand_hours_B[0] for bill in alone]
    assert not many.missed_B.any()


def test_a_batch_of_another_size_is_refused() -> None:
    up = np.ones((100 + JOB.ticks, 3, 2), dtype=bool)
    with pytest.raises(ImpossibleInput, match="2 policies were asked about 3 jobs"):
        replay(Together(policies(up[:100, :2])), TERMS, up[100:])
