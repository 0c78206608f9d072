"""Saves that did not come to be: said and passed over, for the next may come through; but not for ever."""

from __future__ import annotations

import sys

from .ranks import RankLost
from .stores import StoreTrouble
from .writing import WriterLost

MOST_IN_A_ROW = 3


class NotSaved(RankLost):
    """Another rank could not do its part of a save; it says why, and is there for the next one."""


PASSING = (StoreTrouble, OSError, WriterLost, NotSaved)


class Failures:
    """The saves that failed since one came through."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._newest: Exception | None = None

    def met(self, trouble: Exception) -> None:
        """Take note of one and say it aloud."""
        print(f"lowtide-run: a save did not come to be: {trouble}", file=sys.stderr)
        self._in_a_row, self._newest = self._in_a_row + 1, trouble

    def forget(self) -> None:
        """A save came through, or one must, whatever became of those before."""
        self._in_a_row, self._newest = 0, None

    def refuse(self, most: int = MOST_IN_A_ROW) -> None:
        """Raise the newest where `most` or more have failed in a row."""
        if self._newest is not None and self._in_a_row >= most:
            newest = self._newest
            self.forget()
            raise newest
