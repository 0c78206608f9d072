"""Runs: for whoever asks whether a run is healthy, what it cost, and whether the prediction held.

Realised figures are the service's, from the run's own events; this page compares and draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from advisor import format as fmt
from dashboard import pieces, reads, run_charts, run_tables, words
from dashboard.pieces import Tile
from dashboard.views import Page
from dashboard.words import plain

Run = Mapping[str, Any]


def show(url: str) -> None:
    """Show the list of runs and the one that the address or the reader names."""
    heads = reads.runs(url)
    if not heads:
        pieces.freshness(reads.status(url))
        pieces.empty(
            "No runs yet: nobody has opened one with this service.",
            "Launch the bundled job; it appears here with its first event.",
            command=f"lowtide run job.toml --url {url}",
        )
        return
    run = reads.run(url, _chosen(heads))
    pieces.freshness(run)
    _one(run)
    with st.expander(f"All runs: {len(heads)}", expanded=True, icon=":material/list:"):
        pieces.table(run_tables.runs_table(heads))


def _chosen(heads: Sequence[Run]) -> str:
    """Return the run to show: the address names one, or the reader picks one, and the address follows."""
    named = {head["run_id"]: f"{head['name']} · {head['state']} · {head['run_id']}" for head in heads}
    names, asked = list(named), st.query_params.get("run")
    if asked is not None and asked not in named:
        st.info(f"There is no run {plain(asked)} here; showing the newest instead.", icon=":material/info:")
    first = names.index(asked) if asked in named else 0
    chosen: str = st.selectbox("Run", names, index=first, format_func=lambda name: named[name])
    st.query_params["run"] = chosen
    return chosen


def _one(run: Run) -> None:
    realised = run["realised"]
    pieces.section(f"{run['name']}: {run['state']}")
    pieces.tiles(
        [_paid(run), _effective(run), _saved(realised), _goodput(realised), _lost(run), _checkpoint(run)]
    )
    if realised["problems"]:
        lacks = "\n".join(f"- {plain(lack)}" for lack in realised["problems"])
        st.warning(f"**What the record lacks**\n{lacks}", icon=":material/help:")
    _timeline(run)
    _compared(run)
    st.page_link(
        st.session_state["pages"]["where_to_run"],
        label="The recommendation behind this run",
        icon=":material/explore:",
        query_params={"recommendation": run["recommendation_id"]},
    )


def _paid(run: Run) -> Tile:
    so_far = "" if run["realised"]["done"] else " so far"
    spread = run["predicted"]["cost_usd"]
    return Tile(
        label=f"Paid{so_far}",
        value=fmt.usd(words.amount(run["realised"]["cost_usd"])),
        note=f"predicted {fmt.usd(spread['p10'])} – {fmt.usd(spread['p90'])} (P10 – P90) in all",
    )


def _effective(run: Run) -> Tile:
    spread = run["predicted"]["effective_usd_per_gpu_hour"]
    return Tile(
        label="USD per useful GPU-hour" + ("" if run["realised"]["done"] else " so far"),
        value=fmt.usd(run["realised"]["effective_usd_per_gpu_hour"], 3),
        note=f"predicted {fmt.usd(spread['p10'], 3)} – {fmt.usd(spread['p90'], 3)} (P10 – P90)",
    )


def _saved(realised: Run) -> Tile:
    baseline = words.amount(realised["on_demand_cost_usd"])
    note = "no on-demand price is known for its SKU and region"
    if baseline is not None:
        note = f"against {fmt.usd(baseline)}: the useful hours on on-demand, nothing lost"
    return Tile(label="Saving", value=fmt.percent(realised["saving"], 1), note=note)


def _goodput(realised: Run) -> Tile:
    useful, wall, billed = (fmt.hours(realised[f"{part}_hours"]) for part in ("useful", "wall", "billed"))
    note = f"{useful} useful of {wall} from start to now or end; {billed} billed"
    return Tile(label="Goodput", value=fmt.percent(realised["goodput"], 1), note=note)


def _lost(run: Run) -> Tile:
    realised, spread = run["realised"], run["predicted"]["lost_work_hours"]
    return Tile(
        label="Lost work",
        value=fmt.hours(realised["lost_work_hours"]),
        note=(
            f"preemptions: {realised['preemptions']}, with notice: {realised['preemptions_with_notice']}; "
            f"predicted {fmt.hours(spread['p10'])} – {fmt.hours(spread['p90'])}"
        ),
    )


def _checkpoint(run: Run) -> Tile:
    newest = run["checkpoint"]
    if newest is None:
        return Tile(label="Checkpoint", value=fmt.UNKNOWN, note="none committed yet")
    note = f"generation {newest['generation']}, {newest['sha256'][:12]}…, {run['realised']['saves']} saves"
    return Tile(label="Checkpoint", value=f"step {fmt.count(newest['step'])}", note=note)


def _timeline(run: Run) -> None:
    pieces.section("What happened, attempt by attempt")
    frame = run_tables.timeline_frame(run)
    if frame.empty:
        pieces.empty("Nothing has happened yet.", "The first event of the run starts its lane.")
        return
    pieces.chart(
        run_charts.timeline(run_tables.drawable(frame), pieces.ink()),
        run_tables.timeline_table(run),
        says="One lane per attempt and pool. Hatched work was lost with the machine and done again.",
    )


def _compared(run: Run) -> None:
    pieces.section("Was the prediction right?")
    if not run["realised"]["done"]:
        pieces.empty(
            "The run is not done, so its totals cannot be held against the prediction yet.",
            "The comparison appears here when the run ends.",
        )
        return
    pieces.chart(
        run_charts.compared(run_tables.compared_frame(run), pieces.ink()),
        run_tables.compared_table(run),
        says="Band: predicted P10 to P90, with a tick at the mean. Mark: what came out; one far outside "
        f"stands at the edge. {run_tables.COST_NOTE}",
    )


PAGE = Page(
    name="runs",
    title="Runs",
    icon=":material/timeline:",
    question="Is my run healthy, what did it cost, and did the prediction hold?",
    show=show,
)
