"""Answers of the service as tables for a terminal. Formats what it is given and works nothing out.

The on-demand option always shows, however low it ranks; rejected pools are counted by rule
with one reason each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from . import format as fmt
from .siting_tables import siting_renderable
from .tables_allocation import allocation_renderable
from .tables_portfolio import failover_table, floor_line
from .tables_standing import grade_cell, grade_line, screening_line, sensitivity_table

Json = Mapping[str, Any]
SHOWN = 8
COLUMNS = (
    "", "Pool", "USD/useful\nGPU-hour", "Cost", "Done after", "In time", "Saving", "Hazard", "Data",
)  # fmt: skip
WIDTHS = ((110, 9), (96, 8), (0, 6))  # From so many columns of a terminal on, so many of the ranking fit.
WHOLE_USD = 1000.0  # From here on cents are noise.
REASONS_OF = 2  # Options whose reasons are told in full.


def print_recommendation(answer: Json, *, top: int = SHOWN) -> None:
    """Print a ranking with reasons, parts and rejections."""
    Console().print(recommendation_renderable(answer, shown=top))


def print_run(run: Json) -> None:
    """Print a run: predicted beside realised."""
    Console().print(run_renderable(run))


def recommendation_renderable(answer: Json, *, shown: int = SHOWN) -> RenderableType:
    """Return a ranking with its reasons, its parts, and what was rejected and why."""
    best = answer["options"][:REASONS_OF]
    told = [
        Text(_headline(answer), style="bold"),
        Ranking(answer, shown),
        Text(_more(answer, shown)),
        *(line for line in (screening_line(answer),) if line),
        *(_reasons(option) for option in best),
        *(table for table in (sensitivity_table(answer, _table),) if table),
        *(table for table in (failover_table(answer, _table), floor_line(answer)) if table),
        *(table for table in (allocation_renderable(answer, _table),) if table),
        *(siting_renderable(option) for option in answer["options"][:1]),
        parts_table(answer["options"][:1]),
        rejected_table(answer["rejected"]),
        Text(
            f"Hazard, price and capacity as of {fmt.instant(answer['as_of'])}; {answer['recommendation_id']}."
        ),
    ]
    return Group(*told)


def shown_options(options: Sequence[Json], shown: int) -> list[Json]:
    """Return the best options, with the best on-demand one among them."""
    best = list(options[:shown])
    if any(option["capacity_type"] == "on_demand" for option in best):
        return best
    return best + [option for option in options[shown:] if option["capacity_type"] == "on_demand"][:1]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The ranked options: effective price, cost and finish, each with its P10 – P90 below.

    A narrow terminal is spared the last three columns, which the reasons say in words.
    """

    answer: Json
    shown: int = SHOWN

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render for the width at hand."""
        fits = next(count for width, count in WIDTHS if options.max_width >= width)
        table = _table(*COLUMNS[:fits])
        for option in shown_options(self.answer["options"], self.shown):
            table.add_row(*_cells(option)[:fits])
        yield table


def _cells(option: Json) -> list[str | Text]:
    return [
        str(option["rank"]),
        _pool_lines(option),
        _two_lines(fmt.spread_usd(option["effective_usd_per_gpu_hour"])),
        _two_lines(fmt.spread_usd(option["cost_usd"], 0 if option["cost_usd"]["mean"] >= WHOLE_USD else 2)),
        _two_lines(fmt.spread_hours(option["finish_hours"])),
        fmt.percent(option["p_deadline"]),
        fmt.percent(option["saving"]),
        hazard_words(option["hazard"]),
        grade_cell(option),
    ]


def parts_table(options: Sequence[Json]) -> Table:
    """Return the effective price in its parts, which sum to it; a part that is 0 throughout is left out."""
    table = _table("USD per useful GPU-hour", *(pool_words(option) for option in options))
    known = list(options[0]["parts"]) if options else []
    names = [name for name in known if any(option["parts"][name] for option in options)]
    for name in names:
        table.add_row(name.replace("_", " "), *(fmt.usd(option["parts"][name], 4) for option in options))
    sums = (fmt.usd(sum(option["parts"].values()), 4) for option in options)
    table.add_row("sum", *sums, style="bold")
    return table


def rejected_table(rejected: Sequence[Json]) -> RenderableType:
    """Return how many pools each rule rejected, with one of them and its reason."""
    if not rejected:
        return Text("No pool was rejected.")
    rules: dict[str, list[Json]] = {}
    for each in rejected:
        rules.setdefault(each["rule"], []).append(each)
    table = _table("Rejected by", "Pools", "For one", "Reason", words=True)
    for rule, those in sorted(rules.items(), key=lambda item: -len(item[1])):
        table.add_row(
            rule.replace("_", " "), fmt.count(len(those)), Text(those[0]["pool_id"]), Text(those[0]["reason"])
        )
    return table


def run_renderable(run: Json) -> RenderableType:
    """Return a run: predicted beside realised, and its attempts."""
    before, after = run["predicted"], run["realised"]
    table = _table("", "Predicted (P10 – P90)", "Realised")
    rows = (
        ("Cost", fmt.spread_usd(before["cost_usd"]), fmt.usd(after["cost_usd"])),
        (
            "USD per useful GPU-hour",
            fmt.spread_usd(before["effective_usd_per_gpu_hour"]),
            fmt.usd(after["effective_usd_per_gpu_hour"]),
        ),
        ("Start to done", fmt.spread_hours(before["finish_hours"]), fmt.hours(after["wall_hours"])),
        ("Billed", fmt.spread_hours(before["billed_hours"]), fmt.hours(after["billed_hours"])),
        ("Lost work", fmt.spread_hours(before["lost_work_hours"]), fmt.hours(after["lost_work_hours"])),
        ("Preemptions", f"{before['preemptions']['mean']:.3g} on average", fmt.count(after["preemptions"])),
        ("Saving", fmt.percent(before["saving"], 1), fmt.percent(after["saving"], 1)),
    )
    for row in rows:
        table.add_row(*row)
    attempts = _table("Attempt", "Pool", "Issued")
    for each in run["attempts"]:
        attempts.add_row(str(each["attempt"]), Text(each["pool_id"]), fmt.instant(each["issued_at"]))
    return Group(Text(f"Run {run['run_id']} ({run['name']}): {run['state']}", style="bold"), table, attempts)


def ingest_renderable(reports: Sequence[Json]) -> RenderableType:
    """Return what was read, one row per source, and in words what could not be read."""
    table = _table("Source", "Read", "New", "Known already", "Quarantined", "From", "Until")
    sources: dict[str, list[Json]] = {}
    for report in reports:
        sources.setdefault(report["source_id"], []).append(report)
    for source, those in sources.items():
        sums = (sum(r[f"rows_{name}"] for r in those) for name in ("in", "new", "duplicate", "quarantined"))
        first = min((r["from_at"] for r in those if r["from_at"]), default=None)
        last = max((r["until_at"] for r in those if r["until_at"]), default=None)
        table.add_row(Text(source), *map(fmt.count, sums), fmt.instant(first), fmt.instant(last))
    troubles = [Text(f"{r['origin']}: {r['trouble']}", style="red") for r in reports if r["trouble"]]
    return Group(table, *troubles)


def pool_words(option: Json) -> Text:
    """Return a pool's short name: `aws use1-az4 p5.48xlarge spot`."""
    place = option["zone"] or option["region"]
    return Text(f"{option['provider']} {place} {option['sku']} {option['capacity_type'].replace('_', '-')}")


def hazard_words(hazard: Json) -> str:
    """Return a hazard with what it rests on."""
    if hazard["evidence"] == "contract":
        return "not taken\nback"
    if hazard["evidence"] == "published":  # A band has no middle to speak of.
        return f"{hazard['p10_per_hour']:.2g} – {fmt.per_hour(hazard['p90_per_hour'])}\npublished"
    return f"{fmt.per_hour(hazard['per_hour'])}\n{hazard['evidence']}"


def _pool_lines(option: Json) -> Text:
    """Return a pool in two lines, so that eight columns fit a terminal."""
    capacity = option["capacity_type"].replace("_", "-")
    return Text(f"{option['provider']} {option['zone'] or option['region']}\n{option['sku']} {capacity}")


def _two_lines(spread: str) -> str:
    mean, _, interval = spread.partition(" (")
    return f"{mean}\n({interval.replace('$', '')}" if interval else mean


def _headline(answer: Json) -> str:
    origin = "SYNTHETIC market" if answer["synthetic"] else "recorded market"
    job = answer["spec"]["job"]
    gpus = f"{job['gpus']} GPU{'' if job['gpus'] == 1 else 's'}"
    return (
        f"{job['name']}: {gpus}, {fmt.hours(job['useful_hours'])} of useful work "
        f"({origin}, newest fact {fmt.age(answer['age_s'])})"
    )


def _more(answer: Json, shown: int) -> str:
    hidden = len(answer["options"]) - len(shown_options(answer["options"], shown))
    return f"{hidden} more options rank lower; --json shows all." if hidden else ""


def _reasons(option: Json) -> Text:
    whys = [*option["reasons"], *(line for line in (grade_line(option),) if line)]
    lines = [f"{option['rank']}. {pool_words(option).plain}", *(f"   · {why}" for why in whys)]
    return Text("\n".join(lines))


def _table(*columns: str | Text, words: bool = False) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        side: Literal["left", "right"] = "left" if words or number < 2 else "right"
        table.add_column(name, overflow="fold", justify=side)
    return table
