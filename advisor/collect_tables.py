"""`lowtide collect status` for a terminal: one line per live source, its trouble in words below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from . import format as fmt

Json = Mapping[str, Any]
HEAD = ("Source", "Last pass", "Age", "Rows", "Quarantined", "Gaps", "Next run")
GOOD, WAITING = ("ok",), ("running", "not read yet")


def status_renderable(answer: Json) -> RenderableType:
    """Return how every live source stands."""
    sources = answer["sources"]
    head = Text("Collecting by the clock." if answer["collecting"] else f"Not collecting: {answer['why']}")
    if not sources:
        return Group(head, Text("No live source was ever read into this store."))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(HEAD):
        table.add_column(name, overflow="fold", justify="right" if 2 <= number <= 5 else "left")
    for source in sources:
        table.add_row(*_cells(source))
    return Group(head, table, *_troubles(sources), *_gaps(sources))


def _cells(source: Json) -> list[str | Text]:
    outcome = source["outcome"]
    colour = "green" if outcome in GOOD else "" if outcome in WAITING else "red"
    age = fmt.seconds(source["age_s"])
    return [
        Text(source["source_id"]),
        Text(outcome, style=colour),
        Text(f"{age} stale" if source["stale"] else age, style="red" if source["stale"] else ""),
        fmt.count(source["rows_new"]),
        fmt.count(source["rows_quarantined"]),
        fmt.count(len(source["gaps"])),
        fmt.instant(source["next_run_at"]),
    ]


def _troubles(sources: Sequence[Json]) -> list[Text]:
    """What stopped the last pass of a source, or the last one that did not go well."""
    told = []
    for source in sources:
        if source["trouble"]:
            told.append(Text(f"{source['source_id']}: {source['trouble']}", style="red"))
        elif source["error"]:
            at = fmt.instant(source["failed_at"])
            told.append(Text(f"{source['source_id']}: read again; failed at {at}: {source['error']}"))
    return told


def _gaps(sources: Sequence[Json]) -> list[Text]:
    """The newest gap of each source, and what of it cannot be had any more."""
    return [
        Text(f"{source['source_id']}: {gap_words(source['gaps'][-1])}")
        for source in sources
        if source["gaps"]
    ]


def gap_words(gap: Json) -> str:
    """Return a gap in words."""
    until = fmt.instant(gap["until_at"]) if gap["until_at"] else "now"
    lost = (
        f"{fmt.seconds(gap['lost_s'])} of it cannot be read any more"
        if gap["lost_until"]
        else "the provider's history still covers it"
    )
    return f"not read from {fmt.instant(gap['from_at'])} until {until}; {lost}."
