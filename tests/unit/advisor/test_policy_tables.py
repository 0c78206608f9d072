"""Replayed policies as they are read: on a terminal and as a page."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from advisor.policy_tables import policies_page, policies_renderable

ROW = {
    "scope": "all", "name": "", "kind": "single", "policy": "ours", "windows": 57, "zones": 12, "days": 8,
    "missed": 0, "cost_usd": 162.82, "cost_low_usd": 91.86, "cost_high_usd": 289.73, "share_closed": 0.368,
    "share_low": 0.088, "share_high": 0.601,
}  # fmt: skip
UNKNOWN = dict.fromkeys(("share_closed", "share_low", "share_high"))
ANSWER = {
    "windows": 57, "pools": 12, "every_hours": 96.0, "from_at": "2022-10-26T00:00:00Z",
    "until_at": "2023-03-09T17:56:45Z", "synthetic": False, "assumptions": ["Whole ticks are billed."],
    "left_out": ["aws/x/-/y/spot: no price was in force."],
    "scores": [
        ROW, {**ROW, **UNKNOWN, "policy": "greedy <b>"}, {**ROW, "scope": "day", "name": "2023-02-20"},
    ],
}  # fmt: skip


def shown(renderable) -> str:
    told = StringIO()
    Console(file=told, width=140).print(renderable)
    return told.getvalue()


def test_a_terminal_shows_cost_misses_and_the_share_closed_by_scope():
    told = shown(policies_renderable(ANSWER))
    assert "57 windows on 12 pools" in told
    assert "All windows, one pool (57 windows, 12 zones, 8 days)" in told
    assert "By day, one pool: 2023-02-20" in told
    assert "$162.82" in told
    assert "9 % – 60 %" in told
    assert "no price was in force" in told


def test_a_page_holds_a_chart_and_the_same_numbers_as_a_table_and_escapes_names():
    page = policies_page(ANSWER)
    assert page.count("<svg") == 1  # Days are tables only.
    assert page.count("<table") == 2
    assert "$162.82" in page
    assert "<b>" not in page
    assert "greedy &lt;b&gt;" in page
    assert "http" not in page.split("</style>")[1]


def test_a_synthetic_history_is_said_to_be_one():
    assert "synthetic" in shown(policies_renderable({**ANSWER, "synthetic": True}))
    assert "The history is synthetic" in policies_page({**ANSWER, "synthetic": True})
