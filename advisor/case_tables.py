"""The answer to a case file, for a terminal and for `--json`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from . import format as fmt
from .casefile import MODE, CaseAnswer, Compared
from .present import figure_out, option_out
from .siting_tables import siting_renderable

HOURS_PER_DAY = 24.0


def print_case(answer: CaseAnswer) -> None:
    """Print a case: each of its pools beside the one it is compared with."""
    Console(highlight=False).print(case_renderable(answer))


def case_answer(answer: CaseAnswer) -> dict[str, Any]:
    """Return a case for `--json`: what is compared, the options as in any answer, and the figures used."""
    return {
        "mode": MODE,
        "name": answer.case.case.name,
        "against": answer.case.case.against,
        "as_of": answer.case.case.as_of.isoformat(),
        "compared": [_line(each) for each in answer.compared],
        "options": [option_out(each.option, answer.found.as_of).model_dump() for each in answer.compared],
        "figures": [figure_out(each).model_dump() for each in answer.found.figures],
    }


def case_renderable(answer: CaseAnswer) -> Group:
    """Return a case as a table, the reasons of its best pool, and where the figures are from."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Pool", overflow="fold")
    for name in ("Machine", "Wait", "Done after", "Money", "In all", "Saved", "Saved in all"):
        table.add_column(name, justify="right")
    for each in answer.compared:
        table.add_row(Text(each.name), *_cells(each, answer.case.case.against))
    job, best = answer.case.job, answer.compared[0]
    value = answer.case.job.value_of_time_usd_per_hour
    counted = "late" if answer.case.job.deadline_kind == "soft" else "without capacity"
    return Group(
        Text(
            f"Case {answer.case.case.name}: {job.gpus} GPUs, {fmt.hours(job.useful_hours)} of useful work. "
            "Prices, waits and tariffs are the case's own, not market data.",
            style="bold",
        ),
        table,
        Text(
            "Means with P10 – P90; a wait is drawn as likely to end in any hour as in any other. "
            f"In all: mean money, and {fmt.usd_per_hour(value)} for each hour {counted}. "
            f"Saved: against {answer.case.case.against}."
        ),
        Text("\n".join([best.name, *(f"   · {why}" for why in best.option.reasons)])),
        siting_renderable(option_out(best.option, answer.found.as_of).model_dump()),
    )


def _line(each: Compared) -> dict[str, Any]:
    found = each.option.estimate
    wait_hours = found.finish_hours.mean - found.billed_hours.mean - each.option.side.egress_hours
    return {
        "name": each.name,
        "pool_id": each.option.pool.key,
        "wait_hours": round(max(wait_hours, 0.0), 6),  # A difference of means is never quite 0.
        "finish_days": found.finish_hours.mean / HOURS_PER_DAY,
        "finish_days_p10": found.finish_hours.p10 / HOURS_PER_DAY,
        "finish_days_p90": found.finish_hours.p90 / HOURS_PER_DAY,
        "cost_usd": found.cost_usd.mean,
        "all_in_usd": each.all_in_usd,
        "saved_money": each.saved_money,
        "saved_in_all": each.saved_in_all,
    }


def _cells(each: Compared, against: str) -> list[str]:
    line, seen = _line(each), each.option.estimate.statistics
    saved = (line["saved_money"], line["saved_in_all"]) if each.name != against else (None, None)
    return [
        fmt.usd_per_hour(seen.price_usd_per_hour),
        fmt.hours(line["wait_hours"]),
        f"{line['finish_days']:.1f} d ({line['finish_days_p10']:.1f} – {line['finish_days_p90']:.1f})",
        fmt.spread_usd(asdict(each.option.estimate.cost_usd), 0),
        fmt.usd(line["all_in_usd"], 0),
        *(fmt.percent(share) for share in saved),
    ]
