"""Where the parts of a job go, for a terminal; what one pool alone would cost; or why nothing is dealt out.

Answers stored before allocations existed lack them, and are shown without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from . import format as fmt

Json = Mapping[str, Any]
WHOLE_USD = 1000.0
LEAST_USD = 0.005  # Less is shown as nothing.


def allocation_renderable(answer: Json, table: Callable[..., Table]) -> RenderableType | None:
    """Return the allocation with the price of spreading; None for work that does not split."""
    told = answer.get("allocation")
    if not told:
        return None
    found = told["found"]
    if found is None:
        return Text(f"No allocation over pools: {told['refused']} {told['fix']}")
    return Group(_table(told, table), *(Text(line) for line in _lines(told)))


def _table(told: Json, table: Callable[..., Table]) -> Table:
    found, sweep = told["found"], told["of"] == "copies"
    counted = ("Copies", "Nodes") if sweep else ("Nodes",)
    shown = table("Allocation", "Region, GPU", *counted, "Share", "Mean cost")
    for each in found["pools"]:
        counts = [fmt.count(each["copies"])] if sweep else []
        shown.add_row(
            Text(each["pool_id"]),
            Text(f"{each['region']}\n{each['gpu_model']}"),
            *counts,
            fmt.count(each["nodes"]),
            fmt.percent(each["share"]),
            _usd(each["cost_usd"]),
        )
    return shown


def _lines(told: Json) -> Iterator[str]:
    found = told["found"]
    chance = _chance(found["p_deadline"])
    yield (
        f"Together {_spread(found['cost_usd'])}{_brought(found)}, the dearest "
        f"{fmt.percent(told['tail_share'])} of scenarios {_usd(found['tail_usd'])} on average; done after "
        f"{fmt.spread_hours(found['finish_hours'])}{chance}."
    )
    yield _beside(found)
    limit = f"at most {fmt.percent(told['region_share'])} in one region"
    yield (
        f"{told['total']:,} {'GPUs' if told['of'] == 'nodes' else 'copies'}, {limit}; {found['considered']} "
        f"pools, {found['simulated']} of them simulated, {fmt.count(found['scenarios_told'])} scenarios that "
        f"had no part in it, seed {told['seed']}, as of {fmt.instant(told['as_of'])}."
    )


def _brought(found: Json) -> str:
    """Return what is in the sum and in no pool."""
    usd = found.get("bring_usd") or 0.0
    return f", {_usd(usd)} of it to bring the data there once" if usd >= LEAST_USD else ""


def _beside(found: Json) -> str:
    """Return what all of it in one pool would cost and risk instead: the price of spreading."""
    alone = found["alone"]
    if alone is None:
        return "No pool holds all of it, so there is no single pool to compare with."
    if [each["pool_id"] for each in found["pools"]] == [alone["pool_id"]]:
        return "No mix of these pools is better than this one alone, at the caution stated."
    more, saved = _change(alone["spreading_usd"]), _change(-alone["tail_saved_usd"])
    return (
        f"All in {alone['pool_id']}: {_spread(alone['cost_usd'])}, the dearest scenarios "
        f"{_usd(alone['tail_usd'])}{_chance(alone['p_deadline'])}. Spreading costs {more} on average "
        f"and {saved} in the dearest scenarios."
    )


def _chance(p: float | None) -> str:
    return "" if p is None else f", in time with {fmt.percent(p)}"


def _spread(spread: Json) -> str:
    return fmt.spread_usd(spread, 0 if abs(spread["mean"]) >= WHOLE_USD else 2)


def _usd(amount: float) -> str:
    return fmt.usd(amount, 0 if abs(amount) >= WHOLE_USD else 2)


def _change(amount: float) -> str:
    return f"{_usd(abs(amount))} {'less' if amount < 0 else 'more'}"
