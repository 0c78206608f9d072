"""Whatever is asked of a policy, in whatever order clock, work and capacity come: it decides, and soundly."""

from __future__ import annotations

import math
import warnings

from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import ImpossibleInput
from model.policy import make_policy
from model.policy_reasons import Question, alternatives, comings_and_goings, price_limits

PRICE = st.sampled_from([0.0, 0.4, 1.0, 3.0, 50.0])
ASKED = st.fixed_dictionaries(
    {
        "task_hours": st.floats(0.05, 30.0),
        "deadline_hours": st.floats(0.05, 60.0),
        "restart_overhead_hours": st.sampled_from([0.0, 0.1, 0.5, 2.0]),
        "gap_hours": st.sampled_from([0.05, 0.25, 1.0, 5.0]),
        "on_demand_usd_per_hour": PRICE,
        "nodes": st.just(4),
        "floor_nodes": st.integers(0, 4),
        "checkpoint_lag_hours": st.sampled_from([0.0, 0.5]),
        "value_of_time_usd_per_hour": st.sampled_from([0.0, 1.0, 1e3, 1e9]),
        "budget_usd": st.sampled_from([None, 1.0, 100.0, 1e5]),
        "soft": st.booleans(),
        "elastic": st.booleans(),
        "history": st.sampled_from(
            [None, {"a": [0] * 50}, {"a": [1]}, {"a": [1, None, 0] * 30, "b": [1] * 9}]
        ),
    }
)
MOMENT = st.tuples(
    st.floats(0.0, 90.0), st.floats(0.0, 40.0), st.sampled_from(["none", "spot", "od", "kept"]),
    st.booleans(), st.booleans(), st.integers(0, 4),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(asked=ASKED, prices=st.tuples(PRICE, PRICE), moments=st.lists(MOMENT, min_size=1, max_size=8))
def test_every_decision_can_be_done_and_every_cost_is_a_number(asked, prices, moments) -> None:
    told = dict(zip("ab", prices, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            policy = make_policy(**asked, spot_usd_per_hour=told, pools=["a", "b"])
        except ImpossibleInput:
            return  # With a reason: the other tests say which.
        chosen = (None, None)
        for now_h, done_h, holds, a_up, b_up, nodes in moments:
            held = {"none": (None, None), "spot": ("spot", "a"), "od": ("od", "a"), "kept": chosen}[holds]
            up = {"a": a_up, "b": b_up}
            there = {"a": nodes, "b": 4 - nodes}
            policy.update_capacity(now_h, there)
            found = policy.consider(now_h, done_h, held, up)
            assert all(math.isfinite(each.cost_usd) and each.cost_usd >= 0.0 for each in found)
            assert any(each.allowed for each in found)
            question = Question(now_h, done_h, held, up)
            assert alternatives(policy, question)
            for limit in price_limits(policy, question, solve=False):
                assert math.isfinite(limit.usd_per_hour)
            comings_and_goings(policy, question)
            chosen = policy.decide(now_h, done_h, held, up)
            if chosen[0] == "spot" and not up[chosen[1]]:
                assert asked["elastic"]
                assert policy.spot_nodes_now <= there[chosen[1]]
            assert 0 <= policy.spot_nodes_now <= policy.nodes_now <= 4
            assert math.isfinite(policy.spent_usd)
            assert policy.to_go_usd >= 0.0
