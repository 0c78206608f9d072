"""The demo's report: one HTML file that needs nothing else, and the same figures for the terminal.

No script, no network, no font: text, tables and inline drawings that follow the reader's light
or dark setting. Every chart stands beside its table. Where the market is synthetic the page says
so at its head, in its title and in its foot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from . import format as fmt
from .report_charts import Chart, short
from .report_data import Compared, Strikes
from .report_style import STYLE
from .tables import shown_options

Json = Mapping[str, Any]
SHOWN = 12  # Pools of the ranking that are not folded away.
RANKED = (
    "Rank", "Pool", "Price", "Hazard", "USD per useful GPU-hour", "Cost", "Finish, median", "In time",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The final weights of the struck run and of one that was left alone."""

    struck_sha256: str | None
    reference_sha256: str | None

    @property
    def equal(self) -> bool:
        """True where both are known and the same, bit for bit."""
        return self.struck_sha256 is not None and self.struck_sha256 == self.reference_sha256

    def sentence(self) -> str:
        """The verdict in words."""
        if self.equal:
            return "Equal: the struck run ended with the same weights, bit for bit."
        return "NOT EQUAL: the struck run ended with other weights than the uninterrupted one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything the page says."""

    title: str
    market: str  # Which market, in words.
    synthetic: bool
    recommendation: Json
    run: Json
    rows: tuple[Compared, ...]
    strikes: Strikes
    charts: tuple[Chart, ...]
    assumptions: tuple[tuple[str, str], ...]  # (name, sentence)
    proof: Proof


def to_html(report: Report) -> str:
    """Return the page."""
    name = escape(report.title + (" (synthetic market)" if report.synthetic else ""))
    parts = [
        _head(report), _tiles(report), _proof(report.proof), _comparison(report), _strikes(report.strikes),
        *map(_chart, report.charts), _ranking(report.recommendation), _assumptions(report), _foot(report),
    ]  # fmt: skip
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Return an HTML table; `numbers` are the columns set right-aligned."""

    def cell(tag: str, index: int, words: str) -> str:
        css = ' class="n"' if index in numbers else ""
        return f"<{tag}{css}>{escape(words)}</{tag}>"

    top = "".join(cell("th", index, words) for index, words in enumerate(head))
    lines = ["".join(cell("td", index, words) for index, words in enumerate(row)) for row in rows]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def _head(report: Report) -> str:
    badge = '<strong class="badge">synthetic market</strong> ' if report.synthetic else ""
    return f"<h1>{escape(report.title)}</h1>\n<p>{badge}{escape(report.market)}</p>"


def _tiles(report: Report) -> str:
    real, said = report.run["realised"], report.run["predicted"]
    tiles = (
        ("Paid", fmt.usd(_number(real["cost_usd"])), f"predicted {fmt.spread_usd(said['cost_usd'])}"),
        (
            "Saved against on-demand", fmt.percent(_number(real["saving"]), 1),
            f"predicted {fmt.percent(said['saving'], 1)}; on-demand "
            f"{fmt.usd(_number(real['on_demand_cost_usd']))}",
        ),
        (
            "Start to done", fmt.hours(real["wall_hours"]),
            f"predicted {fmt.spread_hours(said['finish_hours'])}",
        ),
        (
            "Preemptions survived", str(real["preemptions"]),
            f"{real['preemptions_with_notice']} with notice; {fmt.hours(real['lost_work_hours'])} done again",
        ),
    )  # fmt: skip
    boxes = "".join(
        f'<div class="tile"><span>{escape(name)}</span><b>{escape(value)}</b>'
        f"<small>{escape(note)}</small></div>"
        for name, value, note in tiles
    )
    return f'<section class="tiles">{boxes}</section>'


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _proof(proof: Proof) -> str:
    css = "yes" if proof.equal else "no"
    rows = (
        ("struck run", proof.struck_sha256 or fmt.UNKNOWN),
        ("uninterrupted run", proof.reference_sha256 or fmt.UNKNOWN),
    )
    return (
        f'<section class="proof {css}"><h2>Final weights</h2><p><b>{escape(proof.sentence())}</b></p>'
        f"{table(('Run', 'SHA-256 of the final weights'), rows)}</section>"
    )


def _comparison(report: Report) -> str:
    rows = [(row.name, row.predicted, row.interval, row.realised, row.verdict) for row in report.rows]
    head = ("Quantity", "Predicted, P50", "P10 to P90", "Realised", "Against the interval")
    return (
        "<section><h2>Predicted against realised</h2>"
        f"{table(head, rows, (1, 2, 3))}"
        "<p>The prediction was made at the start, from what had been observed by then. Every realised figure "
        "is computed by the service from the stored run events alone. The saving's prediction is its mean."
        "</p></section>"
    )


def _strikes(found: Strikes) -> str:
    rows = (
        ("SIGKILL, without notice", str(found.sigkill), str(found.sigkill_at_work)),
        ("SIGTERM, with notice", str(found.sigterm), str(found.sigterm_at_work)),
    )
    head = ("Signal", "All", "In the middle of a step or save")
    told = table(head, rows, (1, 2))
    return f"<section><h2>What struck the trainer</h2>{told}<p>{escape(found.sentence())}</p></section>"


def _chart(chart: Chart) -> str:
    return (
        f"<section><h2>{escape(chart.title)}</h2><p>{escape(chart.note)}</p>{chart.svg}"
        f"{_folded('The same as a table', chart.head, chart.rows)}</section>"
    )


def _value(figure: Json) -> str:
    """Return a figure's number, or its text where it is a tag or terms."""
    return figure["value"] if isinstance(figure["value"], str) else f"{figure['value']:g}"


def _ranking(recommendation: Json) -> str:
    options = recommendation["options"]
    shown = shown_options(options, SHOWN)
    why = [(str(each["rank"]), each["pool_id"], " ".join(each["reasons"])) for each in options]
    rejected = [(each["pool_id"], each["rule"], each["reason"]) for each in recommendation["rejected"]]
    figures = [
        (each["name"], f"{_value(each)} {each['unit']}", each["source"], each["as_of"], each["confidence"])
        for each in recommendation["figures"]
    ]
    return (
        f"<section><h2>The ranking</h2>{table(RANKED, [_ranked(option) for option in shown], range(4, 8))}"
        f"<p>{len(options)} pools were ranked, {len(shown)} are shown.</p>"
        + _folded("Every ranked pool, with its reasons", ("Rank", "Pool", "Why"), why)
        + _folded("Rejected pools, and why", ("Pool", "Rule", "Why"), rejected)
        + _folded("Figures used", ("Figure", "Value", "Source", "As of", "Confidence"), figures)
        + "</section>"
    )


def _ranked(option: Json) -> tuple[str, ...]:
    price, hazard = option["price"], option["hazard"]
    return (
        str(option["rank"]),
        f"{option['provider']} {short(option['pool_id'])}",
        f"{fmt.usd_per_hour(price['usd_per_hour'])}, {price['label']}",
        f"{fmt.per_hour(hazard['per_hour'])}, {hazard['evidence']}",
        fmt.spread_usd(option["effective_usd_per_gpu_hour"], 3),
        fmt.spread_usd(option["cost_usd"], 0),
        fmt.spread_hours(option["finish_hours"]),
        fmt.percent(option["p_deadline"]),
    )


def _folded(name: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    words = f"{escape(name)} ({len(rows)} rows)"
    return f"<details><summary>{words}</summary>{table(head, rows)}</details>"


def _assumptions(report: Report) -> str:
    return f"<section><h2>What this rests on</h2>{table(('What', 'How'), report.assumptions)}</section>"


def _foot(report: Report) -> str:
    said = report.recommendation
    words = (
        f"Run {report.run['run_id']}, recommendation {said['recommendation_id']} as of "
        f"{fmt.instant(said['as_of'])}, Lowtide {said['code_version']}. Sources: "
        f"{', '.join(said['sources'])}." + (" The market is synthetic." if report.synthetic else "")
    )
    return f"<footer>{escape(words)}</footer>"
