"""What a terminal shows of collecting: a bar while it lasts, and a table of how the sources stand."""

from __future__ import annotations

import io
import threading
from typing import Any

import pytest
from rich.console import Console

from advisor.collect_tables import gap_words, status_renderable
from advisor.watching import watched
from model.errors import EnvironmentTrouble

REPORTS = [{"source_id": "lambda-instance-types"}]


class Service:
    """Plays the client; says how far it is, and notes that it was asked."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def collect_progress(self) -> dict[str, Any]:
        self.asked.set()
        return {
            "underway": [{"source_id": "lambda-instance-types", "rows_in": 1200}],
            "errands": [{"parts": 4, "done": 2, "rows_in": 34, "at": "lambda"}],
        }


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100)


def test_on_a_terminal_the_rows_and_the_source_are_shown_while_it_lasts():
    service, screen = Service(), terminal()

    def collect() -> list[dict[str, Any]]:
        assert service.asked.wait(10)
        threading.Event().wait(0.3)  # Until what was told is drawn.
        return REPORTS

    assert watched(service, collect, console=screen) == REPORTS
    drawn = screen.file.getvalue()
    assert "1,234 rows, reading lambda-instance-types" in drawn


def test_off_a_terminal_nothing_is_drawn_and_nothing_asked():
    service, file = Service(), io.StringIO()
    assert watched(service, lambda: REPORTS, console=Console(file=file, force_terminal=False)) == REPORTS
    assert (file.getvalue(), service.asked.is_set()) == ("", False)


def test_a_refusal_comes_through_the_bar():
    def refuse() -> list[dict[str, Any]]:
        raise EnvironmentTrouble("The disk is full.", fix="Free some.")

    with pytest.raises(EnvironmentTrouble, match="disk"):
        watched(Service(), refuse, console=terminal())


def source(**changes: Any) -> dict[str, Any]:
    return {
        "source_id": "vast-offers", "outcome": "ok", "age_s": 120.0, "stale": False, "rows_new": 5210,
        "rows_quarantined": 3, "gaps": [], "next_run_at": "2026-11-01T12:15:00Z", "trouble": None,
        "error": None, "failed_at": None, **changes,
    }  # fmt: skip


def shown(**answer: Any) -> str:
    screen = Console(file=io.StringIO(), width=120)
    screen.print(status_renderable({"collecting": True, "why": None, **answer}))
    return screen.file.getvalue()


def test_a_source_is_a_line_with_age_rows_and_its_next_run():
    told = shown(sources=[source()])
    for words in ("vast-offers", "ok", "5,210", "2026-11-01 12:15 UTC"):
        assert words in told


def test_trouble_and_gaps_are_told_in_words_below():
    gap = {"from_at": "2026-07-01T00:00:00Z", "until_at": None, "lost_until": "2026-08-03T00:00:00Z"}
    bad = source(
        outcome="skipped", trouble="VAST_API_KEY is not set.", stale=True, gaps=[{**gap, "lost_s": 2851200.0}]
    )
    told = shown(sources=[bad])
    assert "vast-offers: VAST_API_KEY is not set." in told
    assert "not read from 2026-07-01 00:00 UTC until now; 33.0 d of it cannot be read any more." in told
    assert "the provider's history still covers it" in gap_words({**gap, "lost_until": None, "lost_s": 0.0})


def test_the_last_error_is_told_after_a_pass_that_went_well():
    told = shown(sources=[source(error="503 for long.", failed_at="2026-11-01T11:00:00Z")])
    assert "read again; failed at 2026-11-01 11:00 UTC: 503 for long." in told


def test_without_a_source_it_says_so_and_why_nothing_is_collected():
    told = shown(collecting=False, why="No feed is configured.", sources=[])
    assert "Not collecting: No feed is configured." in told
    assert "No live source was ever read" in told
