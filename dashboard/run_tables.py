"""Tables of runs: what happened, against what was predicted and against on-demand.

Functions from the service's JSON to frames, as in `tables`. Money stays Decimal until it is
drawn. A run counts as a saving only once it is done and its on-demand price is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from advisor import format as fmt

from . import words

Run = Mapping[str, Any]
Say = Callable[[Any], str]
EDGE = 1.0  # Interval widths beyond P10 and P90 at which a mark stops.


def _dollars(value: Any) -> str:
    return fmt.usd(words.amount(value))


def _dollars_per_gpu_hour(value: Any) -> str:
    return fmt.usd(words.amount(value), 3)


def _events(value: Any) -> str:
    return f"{value:.3g}" if value is not None else fmt.UNKNOWN


RESOLUTION = 1200  # Stretches shorter than one such part of a run are less than a pixel.
KINDS = {
    "run": "Run", "save": "Save", "lost": "Lost work", "boot": "Boot", "restore": "Restore",
    "idle": "Billed, not working", "waiting": "Waiting, not billed",
}  # fmt: skip
COST_NOTE = "Predicted cost holds egress and storage; what came out is what the machines were billed."
COMPARED: dict[str, tuple[str, str, Say]] = {  # Quantity -> predicted field, realised field, words.
    "Effective price": ("effective_usd_per_gpu_hour", "effective_usd_per_gpu_hour", _dollars_per_gpu_hour),
    "Cost": ("cost_usd", "cost_usd", _dollars),
    "Start to done": ("finish_hours", "wall_hours", fmt.hours),
    "Billed time": ("billed_hours", "billed_hours", fmt.hours),
    "Lost work": ("lost_work_hours", "lost_work_hours", fmt.hours),
    "Preemptions": ("preemptions", "preemptions", _events),
}


def compared_frame(run: Run) -> pd.DataFrame:
    """Return where in its predicted interval each quantity came out: 0 is P10, 1 is P90.

    What lies far outside stands at the edge; its words say how far. A quantity predicted without
    any spread has no such place and is left to the table.
    """
    rows = []
    for name, (spread, realised, say) in _known(run):
        low, high = float(spread["p10"]), float(spread["p90"])
        if high > low:
            place = (float(realised) - low) / (high - low)
            rows.append({
                "quantity": name,
                "place": min(max(place, -EDGE), 1 + EDGE),
                "mean": min(max((float(spread["mean"]) - low) / (high - low), -EDGE), 1 + EDGE),
                "verdict": _verdict(spread, realised),
                "text": f"{say(realised)}, predicted {say(low)} – {say(high)}",
            })  # fmt: skip
    return pd.DataFrame(rows)


def _verdict(spread: Mapping[str, Any], realised: Any) -> str:
    return "inside P10 – P90" if spread["p10"] <= float(realised) <= spread["p90"] else "outside P10 – P90"


def compared_table(run: Run) -> pd.DataFrame:
    """Return predicted against realised in words, one row per quantity."""
    rows = [
        {
            "Quantity": name,
            "Predicted mean": say(spread["mean"]),
            "P10": say(spread["p10"]),
            "P50": say(spread["p50"]),
            "P90": say(spread["p90"]),
            "Realised": say(realised),
            "Verdict": _verdict(spread, realised),
        }
        for name, (spread, realised, say) in _known(run)
    ]
    return pd.DataFrame(rows)


def _known(run: Run) -> list[tuple[str, tuple[Mapping[str, Any], Any, Say]]]:
    """Return the quantities that were both predicted and realised."""
    predicted, realised = run["predicted"], run["realised"]
    pairs = {
        name: (predicted.get(before), realised.get(after), say)
        for name, (before, after, say) in COMPARED.items()
    }
    return [(name, (b, a, say)) for name, (b, a, say) in pairs.items() if b is not None and a is not None]


def timeline_frame(run: Run) -> pd.DataFrame:
    """Return one row per stretch of an attempt: lane (1 is the first attempt that did anything), its
    name, kind, from, until, hours and their words.
    """
    told = [(each["attempt"], each["pool_id"] or "no pool", each["kind"]) for each in run["timeline"]]
    frame = pd.DataFrame(told, columns=["attempt", "pool_id", "kind"])
    frame["lane"] = frame["attempt"].rank(method="dense").astype(int)
    frame["lane_name"] = [f"{attempt}  {words.pool_of_key(key)}" for attempt, key, _ in told]
    for end in ("from_at", "until_at"):
        moments = [each[end] for each in run["timeline"]]
        frame[end] = pd.to_datetime(pd.Series(moments, dtype="object"), utc=True, format="ISO8601")
    frame["hours"] = (frame["until_at"] - frame["from_at"]).dt.total_seconds() / 3600
    return frame


def drawable(timeline: pd.DataFrame) -> pd.DataFrame:
    """Return a timeline with what is too short to see joined to what came before it.

    A replayed run has thousands of stretches, most of them the blink between two steps. Only
    the drawing is simplified: hours are counted from the timeline itself.
    """
    blink = timeline["hours"].sum() / RESOLUTION
    short = (timeline["kind"] == "idle") & (timeline["hours"] < blink)
    kinds = timeline["kind"].mask(short).groupby(timeline["lane"])
    seen = timeline.assign(kind=kinds.transform(lambda lane: lane.ffill().bfill()).fillna("idle"))
    changed = (seen["kind"] != seen["kind"].shift()) | (seen["lane"] != seen["lane"].shift())
    joined = seen.groupby(changed.cumsum()).agg(
        {
            "lane": "first",
            "lane_name": "first",
            "kind": "first",
            "from_at": "min",
            "until_at": "max",
            "hours": "sum",
        }
    )
    return joined.assign(length=joined["hours"].map(fmt.hours))


def timeline_table(run: Run) -> pd.DataFrame:
    """Return each attempt in words: from, until, and how long each kind of time lasted."""
    rows = []
    for name, lane in timeline_frame(run).groupby("lane_name", sort=False):
        hours = lane.groupby("kind")["hours"].sum()
        row = {"Attempt and pool": name, "From": fmt.instant(lane["from_at"].min())}
        row["Until"] = fmt.instant(lane["until_at"].max())
        rows.append({**row, **{word: fmt.hours(hours.get(kind, 0.0)) for kind, word in KINDS.items()}})
    return pd.DataFrame(rows)


def runs_table(heads: Sequence[Run]) -> pd.DataFrame:
    """Return the list of runs in words, as the service orders it."""
    rows = [
        {
            "Run": head["run_id"],
            "Job": head["name"],
            "State": head["state"],
            "Opened": fmt.instant(head["opened_at"]),
            "Attempt": fmt.count(head["attempt"]),
            "Newest pool": words.pool_of_key(head["pool_id"]) if head["pool_id"] else fmt.UNKNOWN,
        }
        for head in heads
    ]
    return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """What finished runs paid, what on-demand would have cost, and which runs are left out and why."""

    counted: tuple[Run, ...]
    paid_usd: Decimal
    on_demand_usd: Decimal
    left_out: tuple[tuple[str, str], ...]  # Run, why.

    @property
    def saved_usd(self) -> Decimal:
        """On-demand cost minus what was paid; negative where spot cost more."""
        return self.on_demand_usd - self.paid_usd

    @property
    def share(self) -> float | None:
        """Saved over on-demand cost; None where nothing is counted."""
        return float(self.saved_usd / self.on_demand_usd) if self.on_demand_usd else None


def savings(runs: Sequence[Run]) -> Savings:
    """Add up what the finished runs saved; every run is either counted or named with a reason."""
    why = {run["run_id"]: _why_not_counted(run["realised"]) for run in runs}
    counted = tuple(run for run in runs if why[run["run_id"]] is None)
    return Savings(
        counted=counted,
        paid_usd=sum((_money(run, "cost_usd") for run in counted), Decimal(0)),
        on_demand_usd=sum((_money(run, "on_demand_cost_usd") for run in counted), Decimal(0)),
        left_out=tuple((run_id, reason) for run_id, reason in why.items() if reason),
    )


def _why_not_counted(realised: Mapping[str, Any]) -> str | None:
    if not realised["done"]:
        return "not done; its cost is not final"
    if words.amount(realised["cost_usd"]) is None:
        return "no price was recorded for what it used"
    if words.amount(realised["on_demand_cost_usd"]) is None:
        return "no on-demand price known for its SKU and region"
    return None


def _money(run: Run, field: str) -> Decimal:
    known = words.amount(run["realised"][field])
    assert known is not None  # Only counted runs come here.
    return known


def savings_frame(counted: Sequence[Run]) -> pd.DataFrame:
    """Return one row per counted run: paid, on-demand and predicted cost, in float dollars for drawing."""
    rows = []
    for run in counted:
        paid, baseline = _money(run, "cost_usd"), _money(run, "on_demand_cost_usd")
        rows.append({
            "label": f"{run['name']} · {run['run_id']}",
            "paid": float(paid),
            "on_demand": float(baseline),
            "low": float(run["predicted"]["cost_usd"]["p10"]),
            "high": float(run["predicted"]["cost_usd"]["p90"]),
            "text": f"paid {fmt.usd(paid)}, saved {fmt.usd(baseline - paid)} of {fmt.usd(baseline)}",
        })  # fmt: skip
    return pd.DataFrame(rows)


def savings_table(counted: Sequence[Run]) -> pd.DataFrame:
    """Return the counted runs in words, to the cent."""
    rows = []
    for run in counted:
        paid, baseline = _money(run, "cost_usd"), _money(run, "on_demand_cost_usd")
        rows.append({
            "Run": f"{run['name']} · {run['run_id']}",
            "Paid": fmt.usd(paid),
            "On-demand would have cost": fmt.usd(baseline),
            "Saved": fmt.usd(baseline - paid),
            "Saving": words.saving(run["realised"]["saving"]),
            "Predicted cost": fmt.spread_usd(run["predicted"]["cost_usd"]),
        })  # fmt: skip
    return pd.DataFrame(rows)
