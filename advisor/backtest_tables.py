"""A backtest on a terminal: each figure with its interval beside the baselines, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from . import format as fmt

Json = Mapping[str, Any]


def backtest_renderable(answer: Json) -> Group:
    """Return a backtest as a person reads it."""
    if answer["backtest_id"] is None:
        return Group(Text(f"{answer['why']} {answer['fix']}"))
    parts: list[Any] = [Text(fmt.backtest_headline(answer), style="bold"), _figures(answer["figures"])]
    if answer["synthetic"]:
        parts.append(
            Text("The history is synthetic: this says how the arithmetic fares, not how a market does.")
        )
    return Group(*parts, *_left_out(answer["left_out"]), Text(f"Kept as {answer['backtest_id']}."))


def _figures(figures: Sequence[Json]) -> Table:
    """Return one row per figure, its baselines below one another."""
    table = Table(title="90 % intervals redraw whole days", title_justify="left", show_edge=False)
    for column in ("Figure", "Ours", "n, days", "Baselines"):
        table.add_column(column, justify="right" if column in ("Ours", "n, days") else "left")
    together: dict[str, list[Json]] = {}
    for each in figures:
        together.setdefault(fmt.figure_name(each), []).append(each)
    for name, rows in together.items():
        rests_on = f"{fmt.count(rows[0]['n'])}, {fmt.count(rows[0]['days'])}"
        table.add_row(
            name, fmt.figure_interval(rows[0]), rests_on, "\n".join(_baseline(each) for each in rows)
        )
    return table


def _baseline(figure: Json) -> str:
    if figure["baseline"] is None:
        return ""
    told, value = fmt.figure_verdict(figure), fmt.figure_number(figure, figure["baseline_value"])
    return f"{figure['baseline']} {value}{f': {told}' if told else ''}"


def _left_out(reasons: Sequence[str], most: int = 8) -> list[Text]:
    if not reasons:
        return []
    more = [f"… and {len(reasons) - most} more, with --json"] if len(reasons) > most else []
    return [Text("Not scored:\n" + "\n".join(f"  {why}" for why in [*reasons[:most], *more]))]
