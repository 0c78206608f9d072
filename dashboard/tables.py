"""Tables of a recommendation: what the charts draw, as numbers, and as a person reads them.

Functions from the service's JSON to frames. `*_frame` is what a chart takes, in floats;
`*_table` is its twin, in words. Nothing here estimates, and an unknown stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from advisor import format as fmt

from . import words

SPREADS = {
    "effective": "effective_usd_per_gpu_hour",
    "cost": "cost_usd",
    "finish": "finish_hours",
}
QUANTILES = ("mean", "p10", "p50", "p90")
PART_GROUPS = {
    "Price": ("price",),
    "Saves": ("stall",),
    "Preemptions": ("rerun", "restart", "notice"),
    "Data and storage": ("egress", "storage"),
    "Waiting, late, on-demand share": ("waiting", "late", "on_demand"),
    "Refunds": ("refund",),  # Last and 0 or less: it hangs from the other side of zero.
}
Option = Mapping[str, Any]


def label(option: Option) -> str:
    """Return how a row calls an option: its rank, then its pool."""
    return f"{option['rank']}  {words.pool(option)}"


def short_label(option: Option) -> str:
    """Return how a narrow row calls an option: its rank and place, and whether it is not spot."""
    capacity = "" if option["capacity_type"] == "spot" else f" · {words.capacity(option)}"
    return f"{option['rank']}  {option['provider']} {option['zone'] or option['region']}{capacity}"


def drawn(options: Sequence[Option], rows: int) -> list[Option]:
    """Return the options worth a row in a chart: the best few, and the best on-demand to compare with."""
    best = list(options[:rows])
    if any(option["capacity_type"] == "on_demand" for option in best):
        return best
    return best + [option for option in options[rows:] if option["capacity_type"] == "on_demand"][:1]


def options_frame(options: Sequence[Option]) -> pd.DataFrame:
    """Return one row per option: label, rank, quantiles of price, cost and finish, and their words."""
    return pd.DataFrame([_option_row(option) for option in options])


def _option_row(option: Option) -> dict[str, Any]:
    quantiles = {
        f"{short}_{name}": float(option[field][name])
        for short, field in SPREADS.items()
        for name in QUANTILES
    }
    return {
        "label": label(option),
        "rank": str(option["rank"]),
        "pool_id": option["pool_id"],
        "capacity_type": words.capacity(option),
        "borrowed": option["hazard"]["evidence"] in ("borrowed", "published", "none"),
        "effective_spread": fmt.spread_usd(option["effective_usd_per_gpu_hour"], 3),
        "cost_spread": fmt.spread_usd(option["cost_usd"]),
        "finish_spread": fmt.spread_hours(option["finish_hours"]),
        "hazard_text": words.hazard(option),
        **quantiles,
    }


def ranking_table(options: Sequence[Option]) -> pd.DataFrame:
    """Return the ranking as a person reads it; money is mean (P10 – P90), time is median (P10 – P90)."""
    rows = [
        {
            "Rank": str(option["rank"]),
            "Pool": words.pool(option),
            "USD per useful GPU-hour": fmt.spread_usd(option["effective_usd_per_gpu_hour"], 3),
            "Cost, USD": fmt.spread_usd(option["cost_usd"]),
            "Done after": fmt.spread_hours(option["finish_hours"]),
            "Deadline met": words.chance(option["p_deadline"], "no deadline stated") + _late(option),
            "Saving": words.saving(option["saving"]),
            "Capacity": words.capacity_seen(option),
            "Hazard": words.hazard(option),
            "Price": price(option),
        }
        for option in options
    ]
    return pd.DataFrame(rows)


def _late(option: Option) -> str:
    return f"; {words.lateness(option)}" if option.get("late_hours") else ""


def price(option: Option) -> str:
    """Return an option's price with where it comes from."""
    paid = option["price"]
    return f"{fmt.usd_per_hour(paid['usd_per_hour'])}, {paid['label'] or paid['kind']}"


def cost_table(options: Sequence[Option]) -> pd.DataFrame:
    """Return cost and finish with every quantile, one row per option."""
    rows = []
    for option in options:
        cost, done = option["cost_usd"], option["finish_at"]
        quantiles = {f"Cost {name.upper()}": fmt.usd(cost[name]) for name in QUANTILES[1:]}
        moments = {f"Done {name.upper()}": fmt.instant(done[name]) for name in QUANTILES[1:]}
        rows.append({"Option": label(option), "Cost, mean": fmt.usd(cost["mean"]), **quantiles, **moments})
    return pd.DataFrame(rows)


def parts_frame(options: Sequence[Option]) -> pd.DataFrame:
    """Return one row per option and group of parts, USD per useful GPU-hour; a group of zeros is left out.

    `reach` is where the stack ends: what is above zero, refunds aside.
    """
    rows = []
    for option in options:
        groups = {group: sum(part(option, name) for name in names) for group, names in PART_GROUPS.items()}
        reach, total = sum(usd for usd in groups.values() if usd > 0), sum(groups.values())
        for order, (group, usd) in enumerate(groups.items()):
            rows.append(
                {"label": short_label(option), "part": group, "order": order, "usd": usd,
                 "reach": reach, "total": total, "total_text": fmt.usd(total, 3)}
            )  # fmt: skip
    frame = pd.DataFrame(rows)
    return frame if frame.empty else frame[frame.groupby("part")["usd"].transform(lambda usd: usd.any())]


def part(option: Option, name: str) -> float:
    """Return a part of an option's effective price; 0 where the answer is older than the part."""
    return float(option["parts"].get(name, 0.0)) + 0.0  # A refund of nothing is not minus nothing.


def parts_table(options: Sequence[Option]) -> pd.DataFrame:
    """Return every part of every option, in dollars per useful GPU-hour."""
    rows = []
    for option in options:
        usd = {name: part(option, name) for name in words.PARTS}
        named = {words.PARTS[name]: fmt.usd(each, 4) for name, each in usd.items()}
        rows.append({"Option": label(option), **named, "Sum": fmt.usd(sum(usd.values()), 4)})
    return pd.DataFrame(rows)


def rejected_table(rejected: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the pools that were not ranked, each with the rule and why."""
    rows = [
        {"Pool": words.pool_of_key(each["pool_id"]), "Rule": each["rule"], "Why": each["reason"]}
        for each in rejected
    ]
    return pd.DataFrame(rows, columns=["Pool", "Rule", "Why"])


def figures_table(figures: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the figures an answer rests on that nobody observed, each with source and date."""
    columns = {"name": "Figure", "value": "Value", "unit": "Unit", "source": "Source",
               "as_of": "As of", "confidence": "Confidence", "own": "Whose"}  # fmt: skip
    told = [{**each, "own": "yours" if each.get("own") else "built in"} for each in figures]
    rows = [{title: str(each[name]) for name, title in columns.items()} for each in told]
    return pd.DataFrame(rows, columns=list(columns.values()))


def deadline_hours(recommendation: Mapping[str, Any]) -> float | None:
    """Return the job's deadline in hours from `as_of`, or None where it states none."""
    job = recommendation["spec"]["job"]
    if job.get("deadline_hours") is not None:
        return float(job["deadline_hours"])
    if job.get("deadline_at") is None:
        return None
    ahead = datetime.fromisoformat(job["deadline_at"]) - datetime.fromisoformat(recommendation["as_of"])
    return ahead.total_seconds() / 3600
