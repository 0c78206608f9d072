"""Words that are safe to show and mean the same on every page.

The service's texts (job names, reasons, pool names) were written by others: Streamlit reads
most strings as Markdown, where `$1 and $2` is a formula and `![](…)` fetches a picture from the
network. `plain` makes any text show as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from advisor import format as fmt

UNKNOWN = fmt.UNKNOWN
CAPACITY = {"spot": "spot", "on_demand": "on-demand"}
EVIDENCE = {
    "tenures": "from instances that ran here",
    "probes": "from capacity that was there and then was not",
    "borrowed": "borrowed from other pools",
    "published": "from a published band alone",
    "contract": "the provider does not take it back",
    "none": "nothing was seen",
}
PARTS = {  # As the service names them -> as a page says them, in the order of a stack.
    "price": "Price of useful hours",
    "stall": "Standing still for saves",
    "rerun": "Lost work done again",
    "restart": "Boot, restore, warm-up",
    "notice": "Between notice and loss",
    "egress": "Egress",
    "storage": "Keeping checkpoints",
    "waiting": "Value of time spent waiting",
    "late": "Value of time after the deadline",
    "on_demand": "On-demand share",
    "refund": "Refunds",
}


def plain(text: object) -> str:
    """Return text that Markdown shows as written, on one line."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(str(text).split()))


def capacity(option: Mapping[str, Any]) -> str:
    """Return a capacity type as prose says it."""
    kind = str(option["capacity_type"])
    return CAPACITY.get(kind, kind)


def pool(option: Mapping[str, Any]) -> str:
    """Return a pool's short name: `aws name:us-east-1a · p3.16xlarge · spot`."""
    return f"{option['provider']} {option['zone'] or option['region']} · {option['sku']} · {capacity(option)}"


def pool_of_key(key: str) -> str:
    """Return the short name of a pool key, or the key itself where it does not have five parts."""
    parts = key.split("/")
    if len(parts) != 5:
        return key
    names = dict(zip(("provider", "region", "zone", "sku", "capacity_type"), parts, strict=True))
    return pool({**names, "zone": None if names["zone"] == "-" else names["zone"]})


def hazard(option: Mapping[str, Any]) -> str:
    """Return a hazard with what it rests on: `0.0262/h, 16 in 610 h`."""
    seen = option["hazard"]
    if seen["evidence"] == "contract":
        return "0/h, by contract"
    if seen["evidence"] == "none" or seen["per_hour"] is None:
        return f"{UNKNOWN} no time at risk was seen"
    if seen["evidence"] == "published":
        ends = (seen["p10_per_hour"], seen["p90_per_hour"])
        return f"{fmt.per_hour(seen['per_hour'])} ({' – '.join(map(fmt.per_hour, ends))}), published band"
    basis = f"{fmt.count(seen['preemptions'])} in {fmt.count(seen['exposure_hours'])} h"
    return f"{fmt.per_hour(seen['per_hour'])}, {basis}" + (
        ", borrowed" if seen["evidence"] == "borrowed" else ""
    )


def capacity_seen(option: Mapping[str, Any]) -> str:
    """Return whether capacity was obtainable at the last look, and how often it was."""
    seen = option["availability"]
    now = {True: "obtainable", False: "not obtainable", None: f"{UNKNOWN} never looked"}[seen["now"]]
    return now if seen["share"] is None else f"{now}; {fmt.percent(seen['share'])} of the time"


def amount(value: object) -> Decimal | None:
    """Return an amount of money as the service wrote it; None where it is unknown or no number."""
    try:
        read = None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None
    return read if read is not None and read.is_finite() else None


def chance(share: float | None, unknown: str) -> str:
    """Return a probability, or a dash and why there is none."""
    return fmt.percent(share) if share is not None else f"{UNKNOWN} {unknown}"


def lateness(option: Mapping[str, Any]) -> str:
    """Return how late an option is on average for a soft deadline, and what that counts."""
    late = option["late_hours"]["mean"]
    if late <= 0:
        return "never late"
    return f"{fmt.hours(late)} late on average, counted {fmt.usd(option['late_usd'])}"


def saving(share: float | None) -> str:
    """Return a saving against on-demand, or a dash and why there is none."""
    return fmt.percent(share, 1) if share is not None else f"{UNKNOWN} no on-demand price known"
