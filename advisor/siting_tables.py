"""The siting of an option as a table for a terminal: the priced ways, best first, and why not others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from . import format as fmt

Json = Mapping[str, Any]
SHOWN = 4


def siting_renderable(option: Json) -> RenderableType:
    """Return where an option's data and checkpoints go; nothing where the job left no choice."""
    siting = option.get("siting")
    if not siting:
        return Group()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Data and checkpoints", overflow="fold")
    for name in ("Egress", "Job in all", "Done after"):
        table.add_column(name, overflow="fold", justify="right")
    for way in siting["priced"][:SHOWN]:
        told = fmt.usd(way["total_usd"]), fmt.hours(way["wall_hours"])
        table.add_row(Text(way["words"]), _egress(way), *told)
    left_out = [Text(f"   · not {each['what']}: {each['reason']}") for each in siting["rejected"]]
    return Group(Text("Where data and checkpoints go, for the best option", style="bold"), table, *left_out)


def _egress(way: Json) -> str:
    parts = [fmt.usd(way["once_usd"])]
    for name, unit in (("epoch_usd", "epoch"), ("save_usd", "save"), ("restore_usd", "restore")):
        if way[name]:
            parts.append(f"{fmt.usd(way[name])} a {unit}")
    return " + ".join(parts)
