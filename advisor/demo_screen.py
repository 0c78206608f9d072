"""What the demo shows while it works: headings, sentences, tables, and a line that moves.

On a terminal the line is a progress bar; elsewhere a plain line every few seconds. With `--json`
all of it goes to standard error. While the market is synthetic, every heading says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

PLAIN_EVERY_S = 5.0  # Between two lines where there is no terminal.


class Line:
    """The moving line of one piece of work."""

    def __init__(self, screen: Console, progress: Progress | None, total: float | None) -> None:
        self._screen, self._progress, self._total = screen, progress, total
        self._task = progress.add_task("", total=total) if progress else None
        self._said_at = time.monotonic()

    def at(self, done: float, words: str) -> None:
        """Say how far it is."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, description=words)
        elif time.monotonic() - self._said_at > PLAIN_EVERY_S:
            self._said_at = time.monotonic()
            share = f"{done / self._total:4.0%} " if self._total else ""
            self._screen.print(Text(f"  {share}{words}"))


class Screen:
    """The demo's terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.synthetic = False
        self._part = 0

    def heading(self, words: str) -> None:
        """Begin the next part."""
        self._part += 1
        label = " · synthetic market" if self.synthetic else ""
        self.console.print()
        self.console.print(Text(f"{self._part}. {words}{label}", style="bold"))

    def say(self, words: str) -> None:
        """Say a sentence."""
        self.console.print(Text(f"   {words}"))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> None:
        """Show a table; `numbers` are the right-aligned columns."""
        table = Table(show_edge=False, pad_edge=False, box=None, padding=(0, 2, 0, 0), header_style="dim")
        for index, name in enumerate(head):
            table.add_column(name, justify="right" if index in numbers else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table)

    @contextmanager
    def line(self, words: str, total: float | None = None) -> Iterator[Line]:
        """Show a moving line while something works."""
        if not self.console.is_terminal:
            self.say(f"{words} …")
            yield Line(self.console, None, total)
            return
        columns = (SpinnerColumn(), BarColumn(24), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            line = Line(self.console, progress, total)
            line.at(0, words)
            yield line
