"""Pieces that every page is laid from: how old the data is, tiles, a chart with its table, trouble.

A piece shows what it is handed; it reads nothing from the service.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from advisor import format as fmt
from advisor.client import ServiceProblem, ServiceUnreachable

from . import palette
from .words import plain

MOST_ROWS_AS_TEXT = 30
MOST_NAMES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One number with its interval, or with why there is none."""

    label: str
    value: str
    note: str


def ink() -> palette.Ink:
    """Return the ink for the theme that the reader's browser shows."""
    return palette.ink(st.context.theme.type)


def heading(title: str, question: str) -> None:
    """Show a page's title and the question it answers."""
    st.title(title, anchor=False)
    st.markdown(question)


def freshness(answer: Mapping[str, Any]) -> None:
    """Show as of when an answer is, how old its data is and where it comes from; name synthetic data."""
    told = f":material/schedule: As of **{plain(fmt.instant(answer['as_of']))}** · "
    if answer["sources"]:
        origin = plain(_some(answer["sources"]))
        st.caption(f"{told}newest data **{plain(fmt.age(answer['age_s']))}** · from {origin}")
    else:
        st.caption(f"{told}no market data yet")
    if answer["synthetic"]:
        st.warning(
            "**Synthetic market.** These prices and preemptions were generated from published figures; "
            "nobody recorded them. Do not cite them as prices.",
            icon=":material/science:",
        )


def _some(names: Sequence[str]) -> str:
    """Return the first few names and how many more there are; the margin lists them all."""
    first, more = ", ".join(names[:MOST_NAMES]), len(names) - MOST_NAMES
    return f"{first} and {more} more" if more > 0 else first


def source(known: Mapping[str, Any]) -> None:
    """Show one source in the margin: its age first, then how much of it there is and what was wrong."""
    facts = [f"{fmt.count(known['rows'])} rows"]
    facts += [f"{fmt.count(known['quarantined'])} rejected"] if known["quarantined"] else []
    facts += [f"{fmt.count(known['gaps'])} gaps"] if known["gaps"] else []
    with st.container(gap=None):
        st.markdown(f"**{plain(known['source_id'])}** · {plain(fmt.age(known['age_s']))}")
        st.caption(plain(f"{known['kind']} · " + " · ".join(facts)))


def tiles(numbers: Sequence[Tile], *, across: int = 3) -> None:
    """Show numbers in rows, each with its interval or its reason below."""
    for first in range(0, len(numbers), across):
        for column, tile in zip(st.columns(across), numbers[first : first + across], strict=False):
            with column.container(border=True, height="stretch", gap=None):
                st.metric(tile.label, tile.value)
                st.caption(plain(tile.note))


def section(title: str) -> None:
    """Show the title of a part of a page."""
    st.header(plain(title), anchor=False)


def chart(drawing: alt.LayerChart, twin: pd.DataFrame, *, says: str) -> None:
    """Show a chart, what it says in a sentence, and the same numbers as a table.

    Args:
        drawing: The chart.
        twin: The same content in words.
        says: How to read it; also what a screen reader says.
    """
    st.altair_chart(drawing, width="stretch", alt=says)
    st.caption(plain(says))
    with st.expander("Read as a table", icon=":material/table_rows:"):
        table(twin)


def table(frame: pd.DataFrame) -> None:
    """Show a table of words as written: as text that prints, zooms and is read aloud, or, where it is
    long, as a grid that scrolls, sorts and searches.
    """
    if len(frame) <= MOST_ROWS_AS_TEXT:
        st.table(frame.rename(columns=plain).map(plain), hide_index=True, border="horizontal")
    else:
        st.dataframe(frame, hide_index=True)


def empty(why: str, action: str, *, command: str | None = None) -> None:
    """Show why there is nothing here and the one thing to do about it."""
    with st.container(border=True):
        st.markdown(f"**{plain(why)}**")
        st.markdown(plain(action))
        if command:
            st.code(command, language="bash")


@contextmanager
def trouble_in_words(*, brief: bool = False) -> Iterator[None]:
    """Turn trouble into a sentence and its next step; the rest of the page stands.

    Args:
        brief: Say only what was seen, where the page says the rest.
    """
    try:
        yield
    except (ServiceProblem, ServiceUnreachable) as problem:
        _say(problem.seen, problem.fix, brief)
        if isinstance(problem, ServiceUnreachable) and not brief:
            st.code("lowtide serve", language="bash")
    except Exception as fault:  # A shape we do not know must not blank the page.
        logging.getLogger(__name__).exception("a part of a page could not be drawn")
        seen = f"This part could not be drawn ({type(fault).__name__}: {fault}); the others still work."
        _say(
            seen, "Compare the versions of the pages and of the service, then look at the pages' log.", brief
        )


def _say(seen: str, fix: str, brief: bool) -> None:
    if brief:
        st.caption(f":material/error: {plain(seen)}")
    else:
        st.error(f"{plain(seen)}\n\n**Next:** {plain(fix)}", icon=":material/error:")
