"""Event by event, slowly: the oracle that keeps the closed forms honest in tests.

One path is one job; every machine's life is exponential, and work, save, restart and save
lag may each be struck. It assumes nothing the closed forms derive.

Shapes: P = paths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .goodput import Cadence
from .validity import Floats, quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """What happened on each of P paths."""

    wall_hours: Floats
    billed_hours: Floats
    preemptions: Floats


def simulate(
    work_hours: float,
    cadence: Cadence,
    hazard_per_hour: float,
    gap_hours: float = 0.0,
    *,
    paths: int = 10_000,
    seed: int = 0,
) -> Paths:
    """Return simulated courses of a job; gaps are exponential, the first machine needs no boot.

    Raises:
        ImpossibleInput: An input is negative or not finite, or the work is not above 0.
    """
    hazard = float(quantity("Hazard", hazard_per_hour, "per hour"))
    gap = float(quantity("Gap", gap_hours, "h"))
    rng = np.random.default_rng(seed)
    wall, billed, struck = (np.zeros(paths) for _ in range(3))
    for count, hours in cadence.lengths(work_hours):
        for _ in range(count):
            _segment(hours, cadence.redo_hours, hazard, gap, rng, (wall, billed, struck))
    return Paths(wall_hours=wall, billed_hours=billed, preemptions=struck)


def _segment(
    hours: float,
    redo_hours: float,
    hazard: float,
    gap: float,
    rng: np.random.Generator,
    totals: tuple[Floats, Floats, Floats],
) -> None:
    """Play one segment on every path until it is committed, adding to the totals in place."""
    wall, billed, struck = totals
    going = np.arange(wall.size)
    needed = hours
    while going.size:
        life = rng.exponential(size=going.size) / hazard if hazard else np.full(going.size, np.inf)
        spent = np.minimum(life, needed)
        wall[going] += spent
        billed[going] += spent
        going = going[life < needed]
        struck[going] += 1
        wall[going] += rng.exponential(gap, size=going.size)
        needed = redo_hours + hours  # From now on a restart comes first, and may be struck too.
