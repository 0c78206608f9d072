"""The failover list and the on-demand floor, in a few lines for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from . import format as fmt

Json = Mapping[str, Any]
WHOLE_USD = 1000.0
COLUMNS = (
    "If lost, go to the first with\ncapacity (closed form)", "Work", "Cost without it", "In time without it",
)  # fmt: skip


def failover_table(answer: Json, table: Callable[..., Table]) -> RenderableType | None:
    """Return the pools to follow in order, and what the list is without each; None where there is none."""
    found = answer.get("failover")
    if not found:
        return None
    if len(found["pools"]) == 1:
        chance = "" if found["p_deadline"] is None else f", in time with {fmt.percent(found['p_deadline'])}"
        return Text(
            f"If {found['pools'][0]['pool_id']} is lost, waiting for it costs no more than any list of up to "
            f"three pools{chance}."
        )
    shown = table(
        "If lost, go to the first with\ncapacity (closed form)",
        "Work",
        "Cost without it",
        "In time without it",
    )
    for each in found["pools"]:
        shown.add_row(
            Text(each["pool_id"]),
            fmt.percent(each["work_share"]),
            _usd(each["without_cost_usd"]),
            fmt.percent(each["without_p_deadline"]),
        )
    shown.add_row("all of them", fmt.percent(1.0), _usd(found["cost_usd"]), fmt.percent(found["p_deadline"]))
    return shown


def floor_line(answer: Json) -> Text | None:
    """Return what the on-demand floor is and costs; None without a deadline."""
    found = answer.get("floor")
    if not found:
        return None
    kept, nodes = found["on_demand_nodes"], found["nodes"]
    chance = f"in time with a chance of {fmt.percent(found['p_deadline'])}"
    if found["splits"]:
        cost = f"the last for {_usd(found['marginal_usd'])}, all for {_usd(found['over_none_usd'])} more"
        return Text(f"On-demand floor: {kept} of {nodes} nodes{_demanded(found)}, {cost}; {chance}.")
    last = found["last_safe_switch_hours"]
    until = f"; leaving spot saves the deadline until {fmt.hours(last)} in" if last > 0 else ""
    if kept:
        more = f"all {kept} nodes, for {_usd(found['over_none_usd'])} more"
        return Text(f"On-demand floor: {more}, {chance}{until}.")
    sure = found["steps"][-1]
    beside = f"all {sure['on_demand_nodes']} would cost {_usd(sure['marginal_usd'])} more"
    return Text(f"On-demand floor: none needed, {chance}; {beside}{until}.")


def _usd(amount: float | None) -> str:
    return fmt.usd(amount, 0 if amount is not None and abs(amount) >= WHOLE_USD else 2)


def _demanded(found: Json) -> str:
    """Return how many of them the job demands, where it does."""
    least = found.get("demanded_nodes")
    if not least:
        return ""
    more = found["on_demand_nodes"] - least
    return f", {least} of them demanded and {more} for the deadline" if more else ", as the job demands"
