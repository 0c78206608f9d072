"""A recommendation carries the list to fail over along and the on-demand floor."""

from __future__ import annotations


def test_the_answer_names_pools_in_order_with_what_each_is_worth(recommended):
    found = recommended["failover"]
    assert found["pools"][0]["pool_id"] == recommended["options"][0]["pool_id"]
    assert abs(sum(each["work_share"] for each in found["pools"]) - 1.0) < 1e-9
    assert found["cost_usd"] > 0
    assert 0 <= found["p_deadline"] <= 1
    assert found["method"] == "closed_form"
    rest = [each["pool_id"] for each in found["pools"][1:]]
    assert recommended["options"][0]["fallbacks"][: len(rest)] == rest


def test_the_floor_of_a_gang_is_none_or_all_with_its_price(recommended):
    floor = recommended["floor"]
    assert [step["on_demand_nodes"] for step in floor["steps"]] == [0, floor["nodes"]]
    assert floor["on_demand_nodes"] in (0, floor["nodes"])
    assert floor["steps"][1]["marginal_usd"] > 0
    # 72 h less 10 h of work, a save of 10 s and a restart of 300 s.
    assert 61.5 < floor["last_safe_switch_hours"] < 62.0


def test_work_that_scales_may_be_split(http, spec):
    sweep = {**spec, "job": {**spec["job"], "gpus": 3, "elastic": True, "deadline_hours": 12.0}}
    answer = http.post("/v1/recommendations", json={"spec": sweep, "draws": 400, "simulate": False}).json()
    assert answer["floor"]["splits"]
    assert [step["on_demand_nodes"] for step in answer["floor"]["steps"]] == [0, 1, 2, 3]
