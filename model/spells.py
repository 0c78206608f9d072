"""When capacity is there: the one question a simulated job asks of a market.

A market is drawn on P paths at once; every path is one course the world may take from now on.
Markets made of the same luck are correlated as the world is: path p of one pool and path p of
another are the same course. Whatever makes the spells (laws, replayed history, a fixed list)
answers the same question, so a job, a policy and a test can be put on any of them.

Legend: P = paths, N = paths asked about.
"""

from __future__ import annotations

from typing import Protocol

from .validity import Floats
from .watched import Ints


class Market(Protocol):
    """Where capacity of one pool comes and goes, on P paths, in hours from now."""

    @property
    def paths(self) -> int:
        """How many paths there are."""
        ...

    def spell(self, path_N: Ints, at_hours_N: Floats) -> tuple[Floats, Floats]:
        """Return from when on there is capacity and until when, shapes (N,).

        `from` is `at` where capacity is there at that instant, else the first later instant at
        which it comes; `until`, above `from`, is when it is next lost, infinite where it never is.
        Asking twice gives the same answer. On one path `at` never falls from call to call, so a
        market may draw as it goes and forget what has passed.

        Args:
            path_N: Which paths, each at most once.
            at_hours_N: Hours from now on each of them, 0 or more.
        """
        ...
