"""How sure a ranking is, for a terminal: grades, what would cost the first place, what was screened only.

Answers stored before these figures existed lack them, and are shown without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from . import format as fmt
from .reasons import lever_amount

Json = Mapping[str, Any]

LEVERS = {
    "price": "price",
    "preemption_rate": "preemption rate",
    "gap": "mean wait for capacity",
    "pause": "pause of a save",
    "egress": "egress",
}


def grade_cell(option: Json) -> str:
    """Return the letter of the data and the share of draws won: `A`, below it `1st in 63 %`.

    Of the two shares the more modest one, where each pool has luck of its own.
    """
    grade, chance = option.get("grade"), option.get("p_first_apart")
    letter = grade["letter"] if grade else fmt.UNKNOWN
    return letter if chance is None else f"{letter}\n1st in {fmt.percent(chance)}"


def grade_line(option: Json) -> str | None:
    """Return what an option's data is, in words; None where the answer does not say."""
    grade = option.get("grade")
    return None if not grade else f"Data {grade['letter']}: {grade['words']}."


def sensitivity_table(answer: Json, table: Callable[..., Table]) -> Table | None:
    """Return what each thing made worse does to the first option; None where nothing is known of it."""
    found = answer.get("sensitivity")
    if not found or not found["levers"]:
        return None
    shown = table("First option, with", "Now", "USD/useful\nGPU-hour", "Rank 1", "Loses it above")
    for lever in found["levers"]:
        name, limit = lever["name"], lever["loses_rank_1_above"]
        shown.add_row(
            f"{LEVERS[name]} {_more(lever['factor'])}",
            lever_amount(name, lever["now"]),
            fmt.price(lever["effective_usd_per_gpu_hour"]),
            "kept" if lever["keeps_rank_1"] else "lost",
            fmt.UNKNOWN if limit is None else lever_amount(name, limit),
        )
    return shown


def screening_line(answer: Json) -> Text | None:
    """Return how many pools were screened only, and the best of them; None where none was."""
    found = answer.get("screening")
    if not found:
        return None
    told = (
        f"{fmt.count(found['screened'])} pools were screened by the closed form, "
        f"{fmt.count(found['estimated'])} of them estimated, {fmt.count(found['screened_out'])} left out."
    )
    if found["best"]:
        best = found["best"][0]
        told += f" The best of those: {best['pool_id']}. {best['reason']}"
    return Text(told)


def _more(factor: float) -> str:
    """Return a factor as people say it: `×2`, `+10 %`."""
    return f"+{100 * (factor - 1):.0f} %" if factor < 2 else f"×{factor:g}"
