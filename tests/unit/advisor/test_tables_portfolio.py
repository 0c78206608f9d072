"""The failover list and the on-demand floor in a terminal: short, and nothing made up."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from advisor.tables import _table
from advisor.tables_portfolio import failover_table, floor_line


def text(renderable):
    console = Console(width=110, record=True, file=StringIO())
    console.print(renderable)
    return console.export_text()


def pool(name, share, cost, chance):
    return {
        "pool_id": name, "work_share": share, "without_cost_usd": cost,
        "without_finish_hours": 30.0, "without_p_deadline": chance,
    }  # fmt: skip


def listed(*pools):
    return {"failover": {"pools": list(pools), "cost_usd": 2519.0, "p_deadline": 0.995}}


def test_each_pool_of_a_list_shows_what_it_is_worth():
    shown = text(failover_table(listed(pool("a", 0.5, 2260.0, 0.83), pool("b", 0.5, 2160.0, 0.5)), _table))
    assert "$2,260" in shown
    assert "83 %" in shown
    assert "all of them" in shown
    assert "closed form" in shown


def test_a_list_of_one_says_that_waiting_is_cheapest():
    shown = text(failover_table(listed(pool("a", 1.0, None, None)), _table))
    assert "waiting for it costs no more" in shown


def test_without_a_list_or_a_floor_nothing_is_shown():
    assert failover_table({"failover": None}, _table) is None
    assert failover_table({}, _table) is None
    assert floor_line({"floor": None}) is None


def floor(kept, *, splits=False, last=12.0):
    step = {"on_demand_nodes": 8, "marginal_usd": 2607.0}
    return {
        "floor": {
            "splits": splits, "nodes": 8, "on_demand_nodes": kept, "marginal_usd": 300.0,
            "over_none_usd": 2607.0, "p_deadline": 0.95, "last_safe_switch_hours": None if splits else last,
            "steps": [step],
        }
    }  # fmt: skip


def test_the_floor_of_a_gang_is_said_with_its_price_and_its_last_hour():
    assert "all 8 nodes, for $2,607 more" in floor_line(floor(8)).plain
    assert "until 12.0 h in" in floor_line(floor(8)).plain
    assert "none needed" in floor_line(floor(0)).plain
    assert "until" not in floor_line(floor(8, last=-1.0)).plain


def test_the_floor_of_work_that_scales_is_said_node_by_node():
    assert (
        "3 of 8 nodes, the last for $300.00, all for $2,607 more" in floor_line(floor(3, splits=True)).plain
    )
