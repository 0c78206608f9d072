"""The head of a ranking: where to launch, in one line and six numbers, and what speaks against it.

Each number stands with its interval; a chance or a saving that is unknown says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from advisor import format as fmt
from dashboard import pieces, tables, words
from dashboard.pieces import Tile
from dashboard.words import plain

Answer = Mapping[str, Any]


def show(answer: Answer) -> None:
    """Show the first option of a ranking, and a warning where it has no capacity or comes too late."""
    options = answer["options"]
    best = options[0]
    pieces.section(f"Launch {answer['spec']['job']['name']} on {words.pool(best)}")
    if not best["meets_deadline"] and not best.get("late_hours"):
        late = "No ranked pool is likely to meet the deadline; this is the least bad."
        st.warning(late, icon=":material/event_busy:")
    if best["availability"]["now"] is False:
        st.info(plain(_meanwhile(options)), icon=":material/hourglass_empty:")
    numbers = [_price(best), _cost(best), _done(best), _deadline(answer, best), _lost(best), _saving(best)]
    pieces.tiles(numbers)


def _meanwhile(options: Sequence[Answer]) -> str:
    """Say that the first pool had no capacity at the last look, and which is the first that had."""
    wait = fmt.hours(options[0]["availability"]["gap_hours"])
    told = f"No capacity there at the last look; a wait lasts {wait} on average."
    other = next((option for option in options if option["availability"]["now"]), None)
    return told + (f" The first pool that had some: {tables.label(other)}." if other else "")


def _price(best: Answer) -> Tile:
    spread = best["effective_usd_per_gpu_hour"]
    note = f"P10 {fmt.usd(spread['p10'], 3)} – P90 {fmt.usd(spread['p90'], 3)}"
    return Tile(label="USD per useful GPU-hour", value=fmt.usd(spread["mean"], 3), note=note)


def _cost(best: Answer) -> Tile:
    spread = best["cost_usd"]
    note = f"P10 {fmt.usd(spread['p10'])} – P90 {fmt.usd(spread['p90'])}"
    return Tile(label="Total cost, USD", value=fmt.usd(spread["mean"]), note=note)


def _done(best: Answer) -> Tile:
    at = best["finish_at"]
    note = f"P10 {fmt.instant(at['p10'])} – P90 {fmt.instant(at['p90'])}"
    return Tile(label="Done after", value=fmt.hours(best["finish_hours"]["p50"]), note=note)


def _deadline(answer: Answer, best: Answer) -> Tile:
    hours = tables.deadline_hours(answer)
    note = "the job states no deadline" if hours is None else f"deadline {fmt.hours(hours)} after the start"
    if best.get("late_hours"):
        note = f"soft {note}; {words.lateness(best)}"
    return Tile(label="Chance of the deadline", value=fmt.percent(best["p_deadline"]), note=note)


def _lost(best: Answer) -> Tile:
    spread, taken = best["lost_work_hours"], best["preemptions"]
    note = (
        f"P10 {fmt.hours(spread['p10'])} – P90 {fmt.hours(spread['p90'])}; {taken['mean']:.2g} preemptions "
        f"expected, P10 {taken['p10']:.2g} – P90 {taken['p90']:.2g}"
    )
    return Tile(label="Expected lost work", value=fmt.hours(spread["mean"]), note=note)


def _saving(best: Answer) -> Tile:
    note = "no on-demand price is known for this SKU and region"
    if best["saving"] is not None:
        note = f"{fmt.usd(best['on_demand_cost_usd'])} on demand, same SKU and region, nothing lost"
    return Tile(label="Saving against on-demand", value=fmt.percent(best["saving"], 1), note=note)
