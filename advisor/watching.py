"""A progress bar while the service collects.

The answer to POST /v1/collect comes when all is read; meanwhile the service is asked how far it is.
Off a terminal nothing is drawn and nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from model.errors import LowtideError

from .client import Client

LOOK_S = 0.3  # Between two looks.
Reports = list[dict[str, Any]]


def watched(client: Client, collect: Callable[[], Reports], *, console: Console | None = None) -> Reports:
    """Return what `collect` does, and show how far the service is while it lasts.

    Args:
        client: Of the service that collects.
        collect: Asks it to, and waits.
        console: Where to draw; standard error by default.
    """
    shown = console or Console(stderr=True)
    if not shown.is_terminal:
        return collect()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    one = ThreadPoolExecutor(1, thread_name_prefix="collect")
    try:
        with Progress(*columns, console=shown, transient=True) as bar:
            task = bar.add_task("Reading …", total=None)
            return _wait(one.submit(collect), lambda: _draw(client, bar, task))
    finally:
        one.shutdown(wait=False)  # Whoever stops it by hand does not wait for the answer.


def _wait(answer: Future[Reports], look: Callable[[], None]) -> Reports:
    """Return the answer; look again and again until it is there."""
    while True:
        try:
            return answer.result(timeout=LOOK_S)
        except NotYet:
            if answer.done():  # The collecting itself ran out of some time.
                raise
            look()


def _draw(client: Client, bar: Progress, task: TaskID) -> None:
    """Show the newest errand; a service too busy to say is asked again later."""
    try:
        progress = client.collect_progress()
    except LowtideError:
        return
    if not progress["errands"]:
        return
    errand = progress["errands"][-1]
    rows = errand["rows_in"] + sum(each["rows_in"] for each in progress["underway"])
    what = progress["underway"][-1]["source_id"] if progress["underway"] else errand["at"] or "…"
    words = f"{rows:,} rows, reading {str(what).rsplit('/', 1)[-1] if not progress['underway'] else what}"
    bar.update(task, description=words, total=errand["parts"] or None, completed=errand["done"])
