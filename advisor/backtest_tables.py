"""A backtest on a terminal: each figure with its interval beside the baselines, and the calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from . import format as fmt

Json = Mapping[str, Any]
NAMES = {  # Figure -> what it is called, and how many digits it is told with.
    "brier": ("Brier score", 4),
    "log_loss": ("log-loss", 4),
    "calibration_error": ("calibration error", 4),
    "life_coverage_80": ("lives inside P10 – P90", 3),
    "life_crps_24h": ("CRPS of lives to 24 h", 3),
    "life_log_likelihood": ("log-likelihood of lives", 3),
    "finish_coverage_80": ("finish inside P10 – P90", 3),
    "finish_crps": ("CRPS of finish", 2),
    "cost_coverage_80": ("cost inside P10 – P90", 3),
    "cost_crps": ("CRPS of cost", 2),
    "regret_usd": ("regret of the first choice", 2),
    "regret_share": ("regret of the first choice", 3),
    "saving_share": ("saving against on-demand", 3),
}


def name_of(figure: Json) -> str:
    """Return what a figure is called, with its horizon and unit."""
    name = NAMES.get(figure["figure"], (figure["figure"], 4))[0]
    ahead = "" if figure["horizon_hours"] is None else f" {figure['horizon_hours']:g} h ahead"
    return f"{name}{ahead}, {figure['unit']}"


def number(figure: Json, value: float | None) -> str:
    """Return a value of a figure with as many digits as it deserves."""
    places = NAMES.get(figure["figure"], ("", 4))[1]
    return fmt.UNKNOWN if value is None else f"{value:,.{places}f}"


def interval(figure: Json) -> str:
    """Return a figure with its 90 % interval."""
    value, low, high = (number(figure, figure[name]) for name in ("value", "low", "high"))
    return f"{value} ({low} – {high})"


def verdict(figure: Json) -> str:
    """Return whether a figure is better than its baseline, by the interval of their difference."""
    low, high = figure["apart_low"], figure["apart_high"]
    if low is None or high is None or figure["better"] == "nominal":
        return ""
    if low <= 0.0 <= high:
        return "no difference shown"
    return "better" if (high < 0.0) == (figure["better"] == "lower") else "worse"


def backtest_renderable(answer: Json) -> Group:
    """Return a backtest as a person reads it."""
    if answer["backtest_id"] is None:
        return Group(Text(f"{answer['why']} {answer['fix']}"))
    parts: list[Any] = [Text(headline(answer), style="bold"), _figures(answer["figures"])]
    if answer["synthetic"]:
        parts.append(
            Text("The history is synthetic: this says how the arithmetic fares, not how a market does.")
        )
    return Group(*parts, *_left_out(answer["left_out"]), Text(f"Kept as {answer['backtest_id']}."))


def headline(answer: Json) -> str:
    """Return what was backtested, over what, and how."""
    return (
        f"{answer['name']}: {answer['origins']} origins {answer['every_hours']:g} h apart on "
        f"{answer['pools']} pools, {fmt.instant(answer['from_at'])} to {fmt.instant(answer['until_at'])}"
    )


def _figures(figures: Sequence[Json]) -> Table:
    """Return one row per figure, its baselines below one another."""
    table = Table(title="90 % intervals redraw whole days", title_justify="left", show_edge=False)
    for column in ("Figure", "Ours", "n, days", "Baselines"):
        table.add_column(column, justify="right" if column in ("Ours", "n, days") else "left")
    together: dict[str, list[Json]] = {}
    for each in figures:
        together.setdefault(name_of(each), []).append(each)
    for name, rows in together.items():
        rests_on = f"{fmt.count(rows[0]['n'])}, {fmt.count(rows[0]['days'])}"
        table.add_row(name, interval(rows[0]), rests_on, "\n".join(_baseline(each) for each in rows))
    return table


def _baseline(figure: Json) -> str:
    if figure["baseline"] is None:
        return ""
    told = verdict(figure)
    return f"{figure['baseline']} {number(figure, figure['baseline_value'])}{f': {told}' if told else ''}"


def _left_out(reasons: Sequence[str], most: int = 8) -> list[Text]:
    if not reasons:
        return []
    more = [f"… and {len(reasons) - most} more, with --json"] if len(reasons) > most else []
    return [Text("Not scored:\n" + "\n".join(f"  {why}" for why in [*reasons[:most], *more]))]
