"""Charts of runs: predicted against realised, the lanes of attempts, paid against on-demand.

Functions of a frame (see `run_tables`) and an ink, each with a table twin. Kinds of time differ
by height, hatching and dash as well as by colour, and the legend says so in words.
"""

from __future__ import annotations

import json

import altair as alt
import pandas as pd

from .charts import layered
from .palette import Ink
from .run_tables import EDGE

LANE_PX = 34
HATCHES = 110  # Hatch lines across a whole timeline.
KINDS = {  # Kind -> how the legend says it, colour by its name in Ink, top and bottom around the lane.
    "run": ("run", "blue", -0.24, 0.24),
    "save": ("save (tick above)", "green", -0.44, -0.27),
    "lost": ("lost work (hatched)", "vermillion", -0.24, 0.24),
    "boot": ("boot (low)", "purple", -0.12, 0.12),
    "restore": ("restore (lowest)", "purple", -0.06, 0.06),
    "idle": ("billed, not working (thin)", "baseline", -0.03, 0.03),
    "waiting": ("waiting, not billed (dashed)", "baseline", 0.0, 0.0),
}
VERDICTS = {"inside P10 – P90": ("blue", "circle"), "outside P10 – P90": ("vermillion", "diamond")}


def compared(frame: pd.DataFrame, ink: Ink) -> alt.LayerChart:
    """Draw where each quantity came out in its predicted interval, whose ends stand above each other."""
    axis = alt.Axis(values=[0, 1], labelExpr="datum.value ? 'P90' : 'P10'", orient="top", labelFontWeight=600)
    scale = alt.Scale(domain=[-EDGE - 0.15, 1 + EDGE + 2.2], nice=False)  # Room for the words at the right.
    x = alt.X("place:Q", title=None, axis=axis, scale=scale)
    base = alt.Chart(frame).encode(y=alt.Y("quantity:N", sort=list(frame["quantity"]), title=None))
    band = base.transform_calculate(low="0", high="1").mark_bar(height=14, opacity=0.25, color=ink.baseline)
    mean = base.mark_tick(thickness=2.5, size=22, color=ink.baseline).encode(x="mean:Q")
    colours = [getattr(ink, colour) for colour, _ in VERDICTS.values()]
    shapes = [shape for _, shape in VERDICTS.values()]
    legend = alt.Legend(title=None, orient="bottom", labelLimit=260)
    mark = base.mark_point(filled=True, size=150, opacity=1).encode(
        x=x,
        color=alt.Color("verdict:N", scale=alt.Scale(domain=list(VERDICTS), range=colours), legend=legend),
        shape=alt.Shape("verdict:N", scale=alt.Scale(domain=list(VERDICTS), range=shapes), legend=legend),
        tooltip=[alt.Tooltip("quantity:N", title="Quantity"), alt.Tooltip("text:N", title="Came out at")],
    )
    words = base.mark_text(align="left", fontSize=12, color=ink.text).encode(
        x=alt.datum(1 + EDGE + 0.2), text="text:N"
    )
    return layered(band.encode(x="low:Q", x2="high:Q"), mean, mark, words, height=40 * len(frame))


def timeline(frame: pd.DataFrame, ink: Ink) -> alt.LayerChart:
    """Draw one lane per attempt over market time, stretches told apart by height, hatching and dash."""
    known = frame[frame["kind"].isin(KINDS)].assign(
        named=lambda f: f["kind"].map(lambda kind: KINDS[kind][0]),
        top=lambda f: f["lane"] + f["kind"].map(lambda kind: KINDS[kind][2]),
        bottom=lambda f: f["lane"] + f["kind"].map(lambda kind: KINDS[kind][3]),
    )
    lasting = ~known["kind"].isin(("waiting", "save"))
    bars = alt.Chart(known[lasting]).mark_rect()
    saves = alt.Chart(known[known["kind"] == "save"]).mark_rect(stroke=ink.green, strokeWidth=1)
    waits = alt.Chart(known[known["kind"] == "waiting"]).mark_rule(strokeDash=[4, 3], strokeWidth=3)
    hatches = alt.Chart(_hatches(known)).mark_rule(strokeWidth=1.6, color=ink.paper)
    return layered(
        bars.encode(**_stretch(known, ink), y2="bottom:Q"),
        waits.encode(**_stretch(known, ink)),
        saves.encode(**_stretch(known, ink), y2="bottom:Q"),
        hatches.encode(x="x:T", x2="x2:T", y="y:Q", y2="y2:Q"),
        height=LANE_PX * frame["lane"].nunique(),
    )


def savings(frame: pd.DataFrame, ink: Ink) -> alt.LayerChart:
    """Draw what each run paid inside what on-demand would have cost, above the cost predicted before."""
    axis = alt.Axis(labelLimit=260, labelPadding=8)
    base = alt.Chart(frame).encode(y=alt.Y("label:N", sort=list(frame["label"]), title=None, axis=axis))
    outline = base.mark_bar(height=44, filled=False, stroke=ink.baseline, strokeDash=[5, 3], strokeWidth=1.5)
    paid = base.mark_bar(height=16, color=ink.blue, yOffset=-7)
    predicted = base.mark_rule(strokeWidth=5, strokeCap="round", color=ink.vermillion, yOffset=12)
    words = base.mark_text(align="left", dy=-32, fontSize=12, color=ink.text)
    dollars = alt.X("on_demand:Q", title="US dollars", axis=alt.Axis(format="$,~r", tickCount=6))
    return layered(
        outline.encode(x=dollars),
        paid.encode(x="paid:Q"),
        predicted.encode(x="low:Q", x2="high:Q"),
        words.encode(x=alt.value(2), text="text:N"),
        height=92 * len(frame),
    )


def _stretch(known: pd.DataFrame, ink: Ink) -> dict[str, object]:
    """Return the encodings that bars and waits share: lane, time, colour by kind, and the words."""
    lanes = known.drop_duplicates("lane").set_index("lane")["lane_name"]
    names = {str(lane): name for lane, name in lanes.items()}
    kinds = [kind for kind in KINDS if kind in set(known["kind"])]
    colours = [getattr(ink, KINDS[kind][1]) for kind in kinds]
    scale = alt.Scale(domain=[KINDS[kind][0] for kind in kinds], range=colours)
    axis = alt.Axis(
        values=list(lanes.index),
        tickCount=len(lanes),  # Else Vega keeps every second label where lanes are many.
        labelExpr=f"{json.dumps(names)}[datum.value]",
        labelLimit=330,
        grid=False,
    )
    domain = [max(lanes.index) + 0.6, min(lanes.index) - 0.6]
    return {
        "x": alt.X(
            "from_at:T",
            title="Market time, UTC",
            scale=alt.Scale(type="utc"),
            axis=alt.Axis(format="%d %b %H:%M", tickCount=6, labelFlush=False),
        ),
        "x2": "until_at:T",
        "y": alt.Y("top:Q", title=None, axis=axis, scale=alt.Scale(domain=domain, nice=False)),
        "color": alt.Color(
            "named:N", scale=scale, legend=alt.Legend(title=None, orient="top", labelLimit=260, columns=4)
        ),
        "tooltip": [
            alt.Tooltip("lane_name:N", title="Attempt"),
            alt.Tooltip("named:N", title="What"),
            alt.Tooltip("length:N", title="How long"),
        ],
    }


def _hatches(known: pd.DataFrame) -> pd.DataFrame:
    """Return slanted lines across the stretches of lost work, evenly spaced over the whole timeline."""
    rows = []
    lost = known[known["kind"] == "lost"]
    step = (known["until_at"].max() - known["from_at"].min()) / HATCHES
    for from_at, until_at, top, bottom in zip(
        lost["from_at"], lost["until_at"], lost["top"], lost["bottom"], strict=True
    ):
        for at in pd.date_range(from_at, until_at, freq=step, inclusive="left"):
            rows.append({"x": at, "x2": min(at + step, until_at), "y": bottom, "y2": top})
    return pd.DataFrame(rows, columns=["x", "x2", "y", "y2"])
