"""One line on a terminal that says what goes on; plain lines are spared those who write to a file."""

from __future__ import annotations

import shutil
from types import TracebackType
from typing import TextIO


class Line:
    """A line that is written over by the next. Says nothing where nobody looks."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._is_watched = stream, stream.isatty()

    def __enter__(self) -> Line:
        return self

    def say(self, words: str) -> None:
        """Show these words in place of the last ones."""
        if self._is_watched:
            room = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r\x1b[K{words[:room]}")
            self._stream.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_watched:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
