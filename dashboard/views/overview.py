"""Overview: for the finance lead who asks what was saved, against what, and what that leaves out.

Only finished runs with a known on-demand price count; every other run is named with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from advisor import format as fmt
from dashboard import pieces, reads, run_charts, run_tables
from dashboard.pieces import Tile
from dashboard.run_tables import Savings
from dashboard.views import Page
from dashboard.words import plain

MAX_RUNS = 50
BASELINE = (
    "Saved = what the useful hours would have cost on demand − what was paid. The baseline is the "
    "on-demand price of the SKU and region that the run was opened on, for the useful hours alone: hours "
    "lost to preemptions are in what was paid and not in the baseline, so the saving is after the losses."
)
EXCLUDED = (
    "Checkpoint storage and network egress: what a run paid is what its machines were billed.",
    "People's time, idle machines outside runs, taxes, credits and discounts from contracts.",
)

Run = Mapping[str, Any]


def show(url: str) -> None:
    """Show the realised saving, run by run, with its baseline and what it leaves out."""
    heads = reads.runs(url)
    runs = [reads.run(url, head["run_id"]) for head in heads[:MAX_RUNS]]
    pieces.freshness(_envelope(reads.status(url), runs))
    if not runs:
        pieces.empty(
            "No runs yet, so nothing has been saved or spent.",
            "Rank pools for a job on the page Where to run, then launch it.",
            command=f"lowtide run job.toml --url {url}",
        )
        return
    found = run_tables.savings(runs)
    _headline(found, len(runs))
    if found.counted:
        _by_run(found)
    _excluded(found, len(heads) - len(runs))


def _envelope(status: Run, runs: Sequence[Run]) -> Run:
    """Return as of when and from where: now, and the sources behind the runs that are added up."""
    if not runs:
        return status
    sources = sorted({source for run in runs for source in run["sources"]})
    return {**status, "sources": sources, "synthetic": any(run["synthetic"] for run in runs)}


def _headline(found: Savings, runs: int) -> None:
    """Show what was saved, of what, against what; dashes with the reason where no run counts."""
    known = bool(found.counted)
    saved, paid, baseline = (
        fmt.usd(amount if known else None)
        for amount in (found.saved_usd, found.paid_usd, found.on_demand_usd)
    )
    notes = (
        f"runs counted: {len(found.counted)} of {runs}",
        "of the on-demand cost",
        "useful hours only, nothing lost",
    )
    of, share, hours = notes if known else ("no finished run with a known on-demand price",) * 3
    tiles = [
        Tile(label="Saved, realised", value=saved, note=of),
        Tile(label="Saving", value=fmt.percent(found.share, 1), note=share),
        Tile(label="Paid", value=paid, note=of),
        Tile(label="On-demand would have cost", value=baseline, note=hours),
    ]
    pieces.tiles(tiles, across=4)
    st.markdown(plain(BASELINE))


def _by_run(found: Savings) -> None:
    pieces.section("Run by run")
    pieces.chart(
        run_charts.savings(run_tables.savings_frame(found.counted), pieces.ink()),
        run_tables.savings_table(found.counted),
        says="Bar: paid. Dashed outline: on-demand for the useful hours. Line below the bar: the cost "
        f"predicted before, P10 to P90. {run_tables.COST_NOTE}",
    )


def _excluded(found: Savings, older: int) -> None:
    pieces.section("What this leaves out")
    runs = [f"Run {name}: {why}." for name, why in found.left_out]
    runs += [f"{older} older runs: this page adds up the newest {MAX_RUNS}."] if older else []
    st.markdown("\n".join(f"- {plain(line)}" for line in [*runs, *EXCLUDED]))


PAGE = Page(
    name="overview",
    title="Overview",
    icon=":material/savings:",
    question="What did we save, against what, and how sure is that?",
    show=show,
)
