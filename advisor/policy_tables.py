"""Replayed policies on a terminal and as a page: cost, missed deadlines, share of the gap closed.

The page's charts are drawn from the same rows as the tables under them. Numbers are rounded by
`format` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from . import format as fmt
from .report import table
from .report_style import STYLE
from .report_svg import BOTTOM, TOP, Board

Json = Mapping[str, Any]
HEAD = ("Policy", "USD per job", "90 %", "Missed", "Gap closed", "90 %")
SCOPES = {"all": "All windows", "variant": "By setting", "zone": "By zone", "day": "By day"}
KINDS = {"single": "one pool", "several": "several pools"}
ROW = 30  # Pixels.


def policies_renderable(answer: Json) -> Group:
    """Return replayed policies as a person reads them: all windows, then by setting, zone and day."""
    parts: list[Any] = [Text(headline(answer), style="bold")]
    if answer["synthetic"]:
        parts.append(
            Text("The history is synthetic: this says how the arithmetic fares, not how a market does.")
        )
    for title, rows in grouped(answer):
        shown = Table(title=title, title_justify="left", show_edge=False)
        for index, column in enumerate(HEAD):
            shown.add_column(column, justify="right" if index else "left")
        for row in rows:
            shown.add_row(*cells(row))
        parts.append(shown)
    parts += [Text(words) for words in (*answer["assumptions"], *answer["left_out"])]
    return Group(*parts)


def headline(answer: Json) -> str:
    """Return what was replayed, in a sentence."""
    return (
        f"{fmt.count(answer['windows'])} windows on {fmt.count(answer['pools'])} pools, a start every "
        f"{fmt.hours(answer['every_hours'])}, {fmt.instant(answer['from_at'])} to "
        f"{fmt.instant(answer['until_at'])}."
    )


def grouped(answer: Json) -> list[tuple[str, list[Json]]]:
    """Return the scores by what they are of, with a title each, in the order in which they came."""
    found: dict[str, list[Json]] = {}
    for row in answer["scores"]:
        name = f": {row['name']}" if row["name"] else ""
        rests_on = f"{fmt.count(row['windows'])} windows, {row['zones']} zones, {row['days']} days"
        title = f"{SCOPES[row['scope']]}, {KINDS[row['kind']]}{name} ({rests_on})"
        found.setdefault(title, []).append(row)
    return list(found.items())


def cells(row: Json) -> tuple[str, ...]:
    """Return one policy's row."""
    return (
        row["policy"],
        fmt.usd(row["cost_usd"]),
        f"{fmt.usd(row['cost_low_usd'])} – {fmt.usd(row['cost_high_usd'])}",
        fmt.count(row["missed"]),
        fmt.percent(row["share_closed"]),
        fmt.UNKNOWN
        if row["share_low"] is None
        else f"{fmt.percent(row['share_low'])} – {fmt.percent(row['share_high'])}",
    )


def policies_page(answer: Json) -> str:
    """Return replayed policies as one HTML page: a chart for all windows, and every row as a table."""
    sections = []
    for title, rows in grouped(answer):
        drawn = chart(title, rows) if rows[0]["scope"] in ("all", "variant") else ""
        below = table(HEAD, [cells(row) for row in rows], numbers=range(1, len(HEAD)))
        sections.append(f"<section><h2>{escape(title)}</h2>{drawn}{below}</section>")
    notes = "".join(f"<li>{escape(words)}</li>" for words in (*answer["assumptions"], *answer["left_out"]))
    synthetic = "<p><b>The history is synthetic.</b></p>" if answer["synthetic"] else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Policies under a deadline</title>'
        f"<style>{STYLE}</style></head><body><main><h1>Policies under a deadline</h1>"
        f"<p>{escape(headline(answer))}</p>{synthetic}{''.join(sections)}<ul>{notes}</ul>"
        "</main></body></html>\n"
    )


def chart(title: str, rows: Sequence[Json]) -> str:
    """Return mean cost by policy as bars with their intervals."""
    height = TOP + BOTTOM + ROW * len(rows)
    most = max(row["cost_high_usd"] for row in rows) or 1.0
    board = Board(height, x=(0.0, most * 1.05), left=150)
    board.x_axis("USD per job, mean and 90 % interval", lambda value: fmt.usd(value, 0))
    for place, row in enumerate(rows):
        y = TOP + ROW * (place + 0.5)
        low, high = board.x(row["cost_low_usd"]), board.x(row["cost_high_usd"])
        board.text(140, y + 4, row["policy"], anchor="end")
        tip = f"{row['policy']}: {fmt.usd(row['cost_usd'])}"
        board.bar(board.x(0.0), board.x(row["cost_usd"]), y, ROW * 0.6, "waiting", tip)
        board.rule(low, y, high, y, "interval")
    return board.svg(title)
