"""A progress bar while the service makes a backtest. Off a terminal nothing is drawn and nothing asked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from model.errors import LowtideError

from .client import Client

LOOK_S = 0.3  # Between two looks.
Answer = dict[str, Any]


def scoring(client: Client, ask: Callable[[], Answer], *, console: Console | None = None) -> Answer:
    """Return what `ask` does, and show how far the service is while it lasts.

    Args:
        client: Of the service that makes the backtest.
        ask: Asks it to, and waits.
        console: Where to draw; standard error by default.
    """
    shown = console or Console(stderr=True)
    if not shown.is_terminal:
        return ask()
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(),
    )  # fmt: skip
    one = ThreadPoolExecutor(1, thread_name_prefix="backtest")
    try:
        with Progress(*columns, console=shown, transient=True) as bar:
            task = bar.add_task("Asking …", total=None)

            def draw() -> None:
                try:
                    told = client.backtest_progress()
                except LowtideError:  # Too busy to say; asked again later.
                    return
                if told["phase"]:
                    words = str(told["phase"]).capitalize()
                    bar.update(task, description=words, total=told["of"] or None, completed=told["done"])

            return _waited(one.submit(ask), draw)
    finally:
        one.shutdown(wait=False)  # Whoever stops it by hand does not wait for the answer.


def _waited(answer: Future[Answer], look: Callable[[], None]) -> Answer:
    while True:
        try:
            return answer.result(timeout=LOOK_S)
        except NotYet:
            if answer.done():  # The asking itself ran out of some time.
                raise
            look()
