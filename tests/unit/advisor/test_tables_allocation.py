"""The allocation in a terminal: what each pool gets, what one pool alone would cost, or why there is none."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from advisor.tables import _table
from advisor.tables_allocation import allocation_renderable


def text(answer):
    console = Console(width=400, record=True, file=StringIO())
    console.print(allocation_renderable(answer, _table))
    return console.export_text()


def spread(mean):
    return {"mean": mean, "p10": mean * 0.9, "p50": mean, "p90": mean * 1.1}


def given(key, copies, cost):
    return {
        "pool_id": key, "region": key.split("/")[1], "gpu_model": "H100-80GB", "copies": copies,
        "nodes": copies * 2, "share": copies / 10, "cost_usd": cost,
    }  # fmt: skip


def told(*pools, alone=True, **other):
    beside = {
        "pool_id": "aws/r/-/x/spot", "cost_usd": spread(2000.0), "tail_usd": 2400.0, "p_deadline": 0.95,
        "spreading_usd": 80.0, "tail_saved_usd": 150.0,
    }  # fmt: skip
    found = {
        "pools": list(pools), "cost_usd": spread(2080.0), "tail_usd": 2250.0, "finish_hours": spread(30.0),
        "p_deadline": 0.98, "alone": beside if alone else None, "considered": 9, "simulated": 4,
        "scenarios_told": 2000,
    }  # fmt: skip
    head = {
        "of": "copies", "total": 10, "found": found, "refused": None, "fix": None, "region_share": 0.6,
        "tail_share": 0.1, "seed": 7, "as_of": "2023-03-01T00:00:00Z",
    }  # fmt: skip
    return {"allocation": {**head, **other}}


def test_pools_shares_and_the_price_of_spreading_are_shown():
    shown = text(told(given("aws/r/-/x/spot", 6, 1248.0), given("gcp/s/-/y/spot", 4, 832.0)))
    assert "60 %" in shown
    assert "12" in shown  # Nodes of six copies of two.
    assert "Spreading costs $80.00 more on average and $150.00 less in the dearest scenarios" in shown
    assert "at most 60 % in one region" in shown
    assert "seed 7, as of 2023-03-01 00:00 UTC" in shown


def test_what_is_brought_once_is_told_so_that_the_pools_sum_up_to_the_whole():
    # 1,248 and 812 in the pools, 20 for the data: 2,080 together.
    answer = told(given("aws/r/-/x/spot", 6, 1248.0), given("gcp/s/-/y/spot", 4, 812.0))
    answer["allocation"]["found"]["bring_usd"] = 20.0
    assert "$20.00 of it to bring the data there once" in " ".join(text(answer).split())


def test_one_pool_that_no_mix_betters_is_said_to_be_that():
    assert "No mix of these pools is better" in text(told(given("aws/r/-/x/spot", 10, 2000.0)))


def test_where_no_pool_holds_all_of_it_nothing_is_compared():
    shown = text(told(given("aws/r/-/x/spot", 6, 1248.0), given("gcp/s/-/y/spot", 4, 832.0), alone=False))
    assert "No pool holds all of it" in shown


def test_a_refusal_is_told_with_its_next_step_and_a_gang_shows_nothing():
    refused = told(found=None, refused="1 of 1 pools can take a part.", fix="Allow more regions.")
    assert "No allocation over pools: 1 of 1 pools can take a part. Allow more regions." in text(refused)
    assert allocation_renderable({"allocation": None}, _table) is None
    assert allocation_renderable({}, _table) is None
