"""Were we right: the newest backtest as a table and a calibration chart, for a page that asks.

Takes what `GET /v1/quality` tells under `backtest`; computes nothing that is said as a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from advisor import format as fmt

from . import pieces
from .charts import layered
from .palette import Ink
from .words import UNKNOWN, plain

Json = Mapping[str, Any]
SIDE_PX = 300
SAYS = (
    "Dot: of the times we gave about this chance, how often capacity came; larger where we gave it more. "
    "Line: 90 % interval, whole days redrawn. On the dashed line we were right."
)


def section(backtest: Json) -> None:
    """Show the newest backtest, or why there is none and what to type."""
    pieces.section("Were we right?")
    if backtest["backtest_id"] is None:
        pieces.empty(
            backtest["why"], "Score the forecasts against what was recorded.", command="lowtide backtest"
        )
        return
    st.caption(plain(f"{fmt.backtest_headline(backtest)} · made {fmt.instant(backtest['made_at'])}"))
    pieces.table(figures_table(backtest["figures"]))
    frame = calibration_frame(backtest["calibration"])
    if not frame.empty:
        pieces.chart(calibration(frame, pieces.ink()), calibration_table(backtest["calibration"]), says=SAYS)


def figures_table(figures: Sequence[Json]) -> pd.DataFrame:
    """Return one row per figure and baseline, as a person reads it."""
    rows = [
        {
            "Figure": fmt.figure_name(each),
            "Ours (90 %)": fmt.figure_interval(each),
            "Baseline": f"{each['baseline'] or UNKNOWN} {fmt.figure_number(each, each['baseline_value'])}",
            "Against it": fmt.figure_verdict(each) or UNKNOWN,
            "Rests on": f"{fmt.count(each['n'])} on {fmt.count(each['days'])} days",
        }
        for each in figures
    ]
    return pd.DataFrame(rows, columns=["Figure", "Ours (90 %)", "Baseline", "Against it", "Rests on"])


def calibration_frame(bins: Sequence[Json]) -> pd.DataFrame:
    """Return one row per used bin of our own forecasts, shares as numbers."""
    columns = ["horizon", "chance", "came", "came_low", "came_high", "count"]
    rows = [
        {**{name: each[name] for name in columns[1:]}, "horizon": f"{each['horizon_hours']:g} h ahead"}
        for each in _ours(bins)
    ]
    return pd.DataFrame(rows, columns=columns)


def calibration_table(bins: Sequence[Json]) -> pd.DataFrame:
    """Return the same in words."""
    rows = [
        {
            "Ahead": f"{each['horizon_hours']:g} h",
            "We said": fmt.percent(each["chance"]),
            "It came": f"{fmt.percent(each['came'])} "
            f"({fmt.percent(each['came_low'])} – {fmt.percent(each['came_high'])})",
            "Times": fmt.count(each["count"]),
        }
        for each in _ours(bins)
    ]
    return pd.DataFrame(rows, columns=["Ahead", "We said", "It came", "Times"])


def calibration(frame: pd.DataFrame, ink: Ink) -> alt.LayerChart:
    """Draw how often capacity came against the chance we gave it, horizons told apart by shape too."""
    share = alt.Scale(domain=[0, 1], nice=False)
    right = alt.Chart(pd.DataFrame({"chance": [0.0, 1.0], "came": [0.0, 1.0]})).mark_line(
        strokeDash=[5, 4], strokeWidth=1.5, color=ink.baseline
    )
    x = alt.X("chance:Q", title="Chance we gave", scale=share, axis=alt.Axis(format="%"))
    y = alt.Y("came:Q", title="How often it came", scale=share, axis=alt.Axis(format="%"))
    colours = [ink.blue, ink.vermillion, ink.green, ink.purple]
    horizons = list(dict.fromkeys(frame["horizon"]))
    colour = alt.Color(
        "horizon:N", scale=alt.Scale(domain=horizons, range=colours[: len(horizons)]),
        legend=alt.Legend(title=None, orient="top"),
    )  # fmt: skip
    base = alt.Chart(frame).encode(x=x, color=colour)
    spread = base.mark_rule(strokeWidth=2, opacity=0.75).encode(y=alt.Y("came_low:Q"), y2="came_high:Q")
    dots = base.mark_point(filled=True, opacity=1).encode(
        y=y, shape=alt.Shape("horizon:N", scale=alt.Scale(domain=horizons)),
        size=alt.Size("count:Q", legend=None, scale=alt.Scale(range=[40, 260])),
        tooltip=[
            alt.Tooltip("horizon:N", title="Horizon"), alt.Tooltip("chance:Q", title="We said", format=".0%"),
            alt.Tooltip("came:Q", title="It came", format=".0%"), alt.Tooltip("count:Q", title="Times"),
        ],
    )  # fmt: skip
    return layered(right.encode(x=x, y=y), spread, dots, height=SIDE_PX)


def _ours(bins: Sequence[Json]) -> list[Json]:
    return [each for each in bins if each["forecast"] == "ours" and each["count"]]
