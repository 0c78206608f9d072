"""Where to run: for the ML lead who asks where to launch now, what it costs, and how sure that is.

The page asks the service for a ranking and shows it; it ranks nothing. A ranking has an id in
the address, so that a link shows another reader the same frozen answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from advisor import format as fmt
from dashboard import charts, jobs, pieces, reads, tables, words
from dashboard.views import Page, headline, job_form
from dashboard.words import plain

CHART_ROWS = 8
FEW = 12  # Rejected pools that fit one table; more are folded by rule.
CODE_PX = 330
Answer = Mapping[str, Any]


def show(url: str) -> None:
    """Show the form, and the ranking that the address names or the form asked for."""
    wanted = st.query_params.get("recommendation")
    sources = reads.quality(url)["sources"]
    if not sources and wanted is None:
        pieces.freshness(reads.status(url))
        pieces.empty(
            "No market history has been collected, so there is nothing to rank.",
            "Load the synthetic market to look around, or recorded history of your own.",
            command=f"lowtide collect sample --url {url}\nlowtide collect recorded FOLDER --url {url}",
        )
        return
    form = st.expander("Describe the job", expanded=wanted is None, icon=":material/edit_note:")
    with form, pieces.trouble_in_words():
        _ask(job_form.show(reads.gpu_models(url), sources), url)
    if wanted is None:
        pieces.freshness(reads.status(url))
        pieces.empty("No ranking yet.", "Describe the job above and rank the pools; it takes a few seconds.")
        return
    _ranking(reads.recommendation(url, wanted), url)


def _ask(question: job_form.Question | None, url: str) -> None:
    """Have a sent form ranked, and let the address name the answer."""
    if question is None:
        return
    with st.spinner("Ranking pools …"):
        found = reads.recommend(url, question.spec, question.as_of)
    st.query_params["recommendation"] = found["recommendation_id"]
    st.rerun()


def _ranking(answer: Answer, url: str) -> None:
    options = answer["options"]
    pieces.freshness(answer)
    headline.show(answer)
    shown = tables.drawn(options, CHART_ROWS)
    _price_chart(options, shown)
    _chosen(answer, url)
    _finish_chart(answer, shown)
    _parts(shown)
    _rejected(answer["rejected"])
    _figures(answer["figures"])


def _price_chart(options: Sequence[Answer], shown: Sequence[Answer]) -> None:
    pieces.section("What a useful GPU-hour costs")
    pieces.chart(
        charts.intervals(tables.options_frame(shown), pieces.ink()),
        tables.ranking_table(shown),
        says="Dot: mean. Line: P10 to P90. Hollow dot: hazard borrowed from other pools.",
    )
    if len(options) > len(shown):
        with st.expander(f"All {len(options)} ranked pools", icon=":material/list:"):
            pieces.table(tables.ranking_table(options))


def _finish_chart(answer: Answer, shown: Sequence[Answer]) -> None:
    pieces.section("What it costs and when it is done")
    pieces.chart(
        charts.cost_and_finish(tables.options_frame(shown), pieces.ink(), tables.deadline_hours(answer)),
        tables.cost_table(shown),
        says="Number: rank. Dot: mean cost, median finish. Cross: P10 to P90 of each. Best is low and left.",
    )


def _chosen(answer: Answer, url: str) -> None:
    """Let the reader pick an option; say why it stands there, and hand it to a terminal."""
    options = answer["options"]
    pieces.section("Choose one")
    places = range(len(options))
    place = st.selectbox("Option", places, format_func=lambda index: tables.label(options[index]))
    why, take = st.columns(2, gap="large")
    with why:
        _why(options[place])
    with take:
        command, file, body = st.tabs(["Commands", "job.toml", "API body"])
        command.code(jobs.command(answer, options[place]["rank"], url), language="bash", wrap_lines=True)
        file.code(jobs.job_file(answer["spec"]), language="toml", height=CODE_PX)
        body.code(jobs.body(answer), language="json", height=CODE_PX)


def _why(option: Answer) -> None:
    """Show an option's reasons, what its hazard and price rest on, and where it would go next."""
    st.markdown("\n".join(f"- {plain(reason)}" for reason in option["reasons"]))
    hazard, price = option["hazard"], option["price"]
    basis = hazard["borrowed_from"] or words.EVIDENCE.get(hazard["evidence"], hazard["evidence"])
    facts = {
        "Hazard": f"{words.hazard(option)} ({basis})",
        "Capacity": words.capacity_seen(option),
        "Price": f"{tables.price(option)}, {fmt.age(price['age_s'])}",
        "Save every": f"{fmt.seconds(option['interval_s'])} of useful time; {option['interval_rule']}",
        "If it is lost, try": ", then ".join(words.pool_of_key(key) for key in option["fallbacks"]),
    }
    st.markdown("  \n".join(f"**{name}:** {plain(fact)}" for name, fact in facts.items() if fact))


def _parts(shown: Sequence[Answer]) -> None:
    pieces.section("What the price is made of")
    pieces.chart(
        charts.parts(tables.parts_frame(shown), pieces.ink()),
        tables.parts_table(shown),
        says="Mean USD per useful GPU-hour by cause, in the legend's order; the parts add up to the whole.",
    )


def _rejected(rejected: Sequence[Answer]) -> None:
    pieces.section(f"Not ranked: {len(rejected)} pools")
    if not rejected:
        st.markdown("Every pool the service knows of is in the ranking.")
    elif len(rejected) <= FEW:
        pieces.table(tables.rejected_table(rejected))
    else:
        for rule, group in tables.rejected_table(rejected).groupby("Rule", sort=False):
            with st.expander(f"{plain(rule)}: {len(group)}"):
                pieces.table(group)


def _figures(figures: Sequence[Answer]) -> None:
    with st.expander(f"Published figures this rests on: {len(figures)}", icon=":material/menu_book:"):
        pieces.table(tables.figures_table(figures))


PAGE = Page(
    name="where_to_run",
    title="Where to run",
    icon=":material/explore:",
    question="Where should I launch this job, what will it cost, when will it be done, and how sure is that?",
    show=show,
)
