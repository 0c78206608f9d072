"""What one origin of a backtest yields: rows of scores, and forecasts beside their baselines.

Rows of all origins are put together and summarised in `model.backtest`.

Legend: N = rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import InsufficientHistory
from .validity import Floats

Names = NDArray[np.str_]
OURS = "ours"
NOMINAL = 0.8  # What a P10 to P90 interval should hold.
DAY_HOURS = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Numbers of one figure, ours and where there is one a baseline's, of the same things."""

    figure: str
    unit: str
    better: str  # lower | higher | nominal
    baseline: str | None
    ours_N: Floats
    theirs_N: Floats | None
    pool_N: Names
    day_N: Floats
    horizon_hours: float | None = None

    @property
    def key(self) -> tuple[str, float | None, str | None]:
        """What tells one figure from another."""
        return self.figure, self.horizon_hours, self.baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasts:
    """Chances that capacity is there after some hours, by whom, and what came."""

    horizon_hours: float
    chances: Mapping[str, Floats]  # Ours and each baseline's, each of shape (N,).
    came_N: Floats
    pool_N: Names
    day_N: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginScores:
    """What was scored at one origin, and what could not be, in words."""

    origin_hour: float
    forecasts: tuple[Forecasts, ...] = ()
    scores: tuple[Scores, ...] = ()
    left_out: tuple[str, ...] = ()


def joined_scores(parts: Sequence[Scores]) -> Scores:
    """Return the rows of one figure from several origins as one; at least one part."""
    first = parts[0]
    theirs = [part.theirs_N for part in parts if part.theirs_N is not None]
    return Scores(
        figure=first.figure,
        unit=first.unit,
        better=first.better,
        baseline=first.baseline,
        ours_N=np.concatenate([part.ours_N for part in parts]),
        theirs_N=np.concatenate(theirs) if len(theirs) == len(parts) else None,
        pool_N=np.concatenate([part.pool_N for part in parts]),
        day_N=np.concatenate([part.day_N for part in parts]),
        horizon_hours=first.horizon_hours,
    )


def joined_forecasts(parts: Sequence[Forecasts]) -> Forecasts:
    """Return the forecasts of one horizon from several origins as one.

    Raises:
        InsufficientHistory: There are none.
    """
    if not parts:
        raise InsufficientHistory("There are 0 forecasts to score.", fix="Widen the span.")
    return Forecasts(
        horizon_hours=parts[0].horizon_hours,
        chances={name: np.concatenate([part.chances[name] for part in parts]) for name in parts[0].chances},
        came_N=np.concatenate([part.came_N for part in parts]),
        pool_N=np.concatenate([part.pool_N for part in parts]),
        day_N=np.concatenate([part.day_N for part in parts]),
    )
