"""Charts of a recommendation: what each pool would cost, when it would be done, and how sure we are.

Functions of a frame (see `tables`) and an ink; they draw, and compute nothing that is said as a
number. Each has a table twin in `tables`, and no mark is told apart by colour alone.
"""

from __future__ import annotations

import altair as alt
import pandas as pd

from .palette import Ink

ROW_PX = 40
FRAME_PX = 110  # Legend above and axis below, which Streamlit counts into a chart's height.
LABEL_PX = 400
CROSS_ROWS = 8
ROOM_FOR_WORDS = 0.42  # Of the logarithmic span, kept free at the right of the intervals.
CAPACITY = {"spot": ("blue", "circle"), "on-demand": ("vermillion", "square")}  # Colour by its name in Ink.
PARTS = {
    "Price": "blue",
    "Saves": "green",
    "Preemptions": "vermillion",
    "Data and storage": "purple",
    "Waiting, late, on-demand share": "baseline",
    "Refunds": "text",
}


def intervals(options: pd.DataFrame, ink: Ink) -> alt.LayerChart:
    """Draw effective USD per useful GPU-hour by pool: dot at the mean, line from P10 to P90.

    A hollow dot says that the hazard is borrowed from other pools.
    """
    low, high = options["effective_p10"].min(), options["effective_p90"].max()
    scale = alt.Scale(
        type="log", nice=False, domain=[low / 1.03, high * max(high / low, 1.1) ** ROOM_FOR_WORDS]
    )
    x = alt.X("effective_mean:Q", title="USD per useful GPU-hour, log scale", scale=scale, axis=_dollars())
    base = alt.Chart(options).encode(y=_rows(options), x=x, color=_capacity_colour(ink))
    line = base.mark_rule(strokeWidth=4, opacity=0.75, strokeCap="round").encode(
        alt.X("effective_p10:Q"), x2="effective_p90:Q"
    )
    words = base.mark_text(align="left", dx=12, fontSize=12).encode(
        x="effective_p90:Q", text="effective_spread:N", color=alt.value(ink.text)
    )
    return layered(line, _dots(base, ink), words, height=ROW_PX * len(options))


def cost_and_finish(options: pd.DataFrame, ink: Ink, deadline_hours: float | None) -> alt.LayerChart:
    """Draw total cost against finish: dot at mean cost and median finish, cross from P10 to P90."""
    x = alt.X("finish_p50:Q", title="Hours from start to done", scale=alt.Scale(zero=False, padding=18))
    scale = alt.Scale(type="log", nice=False, padding=24)
    y = alt.Y("cost_mean:Q", title="Total cost, USD, log scale", scale=scale, axis=_dollars())
    base = alt.Chart(options).encode(x=x, y=y, color=_capacity_colour(ink))
    across = base.mark_rule(strokeWidth=2, opacity=0.75).encode(alt.X("finish_p10:Q"), x2="finish_p90:Q")
    upward = base.mark_rule(strokeWidth=2, opacity=0.75).encode(alt.Y("cost_p10:Q"), y2="cost_p90:Q")
    layers = [across, upward, _dots(base, ink), _ranks(base, ink, odd=True), _ranks(base, ink, odd=False)]
    if deadline_hours is not None:
        layers = [*_deadline(deadline_hours, ink), *layers]
    return layered(*layers, height=ROW_PX * CROSS_ROWS)


def parts(stack: pd.DataFrame, ink: Ink) -> alt.LayerChart:
    """Draw the effective price of each pool as a stack of its parts, in the order of the legend."""
    names = [name for name in PARTS if name in set(stack["part"])]
    colours = [getattr(ink, PARTS[name]) for name in names]
    scale = alt.Scale(domainMax=float(stack["reach"].max()) * 1.2, nice=False)  # Room for the totals.
    base = alt.Chart(stack).encode(y=_rows(stack))
    bars = base.mark_bar(stroke=ink.paper, strokeWidth=1.5, height=20).encode(
        x=alt.X("usd:Q", title="USD per useful GPU-hour, mean", scale=scale, axis=_dollars()),
        color=alt.Color("part:N", scale=alt.Scale(domain=names, range=colours), legend=_legend()),
        order="order:Q",
        tooltip=[alt.Tooltip("label:N", title="Pool"), alt.Tooltip("part:N", title="Part"),
                 alt.Tooltip("usd:Q", title="USD per useful GPU-hour", format=".4f")],
    )  # fmt: skip
    totals = base.mark_text(align="left", dx=6, fontSize=12, color=ink.text).encode(
        x="reach:Q", text="total_text:N"
    )
    return layered(
        bars, totals.transform_filter("datum.order == 0"), height=ROW_PX * stack["label"].nunique()
    )


def _dots(base: alt.Chart, ink: Ink) -> alt.LayerChart:
    """Return the dots: filled where the pool was observed itself, hollow where it was not."""
    marked = base.encode(shape=_capacity_shape(), tooltip=_option_tooltip())
    known = marked.transform_filter("!datum.borrowed").mark_point(filled=True, size=130, opacity=1)
    hollow = marked.transform_filter("datum.borrowed").mark_point(
        size=110, strokeWidth=2.5, fill=ink.paper, opacity=1
    )
    return alt.LayerChart(layer=[known, hollow])


def _ranks(base: alt.Chart, ink: Ink, *, odd: bool) -> alt.Chart:
    """Return the ranks beside their dots: odd above and even below, for neighbours in rank lie close."""
    half = base.transform_filter(f"datum.rank % 2 == {int(odd)}")
    words = half.mark_text(dy=-15 if odd else 16, fontWeight=700, fontSize=13)
    ranks: alt.Chart = words.encode(text="rank:N", color=alt.value(ink.text))
    return ranks


def _deadline(hours: float, ink: Ink) -> list[alt.Chart]:
    at = alt.Chart(pd.DataFrame({"hours": [hours], "text": ["deadline"]})).encode(x="hours:Q")
    line = at.mark_rule(strokeDash=[5, 4], strokeWidth=1.5, color=ink.baseline)
    word = at.mark_text(align="right", baseline="top", dx=-5, color=ink.baseline).encode(
        text="text:N", y=alt.value(2)
    )
    return [line, word]


def _rows(frame: pd.DataFrame) -> alt.Y:
    """Return the axis of pools in their own order; labels stay whole, ranks come first."""
    order = list(dict.fromkeys(frame["label"]))
    return alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=LABEL_PX, labelPadding=8))


def _capacity_colour(ink: Ink) -> alt.Color:
    colours = [getattr(ink, colour) for colour, _ in CAPACITY.values()]
    scale = alt.Scale(domain=list(CAPACITY), range=colours)
    return alt.Color("capacity_type:N", scale=scale, legend=_legend())


def _capacity_shape() -> alt.Shape:
    shapes = [shape for _, shape in CAPACITY.values()]
    return alt.Shape(
        "capacity_type:N", scale=alt.Scale(domain=list(CAPACITY), range=shapes), legend=_legend()
    )


def _legend() -> alt.Legend:
    return alt.Legend(title=None, orient="top", labelLimit=260, symbolOpacity=1)


def _dollars() -> alt.Axis:
    return alt.Axis(format="$~r", tickCount=6)


def _option_tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("pool_id:N", title="Pool"),
        alt.Tooltip("effective_spread:N", title="USD per useful GPU-hour"),
        alt.Tooltip("cost_spread:N", title="Total cost"),
        alt.Tooltip("finish_spread:N", title="Done after"),
        alt.Tooltip("hazard_text:N", title="Hazard"),
    ]


def layered(*layers: alt.Chart | alt.LayerChart, height: int) -> alt.LayerChart:
    """Return the layers as one chart, as wide as its place; `height` is that of the rows alone."""
    return alt.LayerChart(layer=list(layers), height=height + FRAME_PX, width="container")
