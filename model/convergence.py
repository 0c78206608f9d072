"""How many paths are enough: doubled until the P90 that a person plans with stands still.

The error of a quantile is taken from order statistics (the exact law of what a bootstrap of
the paths would show), so it holds for any law of the outcomes: also where a deadline or an
atom of undisturbed courses makes them a mix.

Legend: P = paths.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from scipy import special

from .errors import ImpossibleInput
from .validity import Floats, quantity, share

FIRST_PATHS = 4_000
MOST_PATHS = 64_000
TARGET = 0.01
PLANNED = 0.9  # The quantile that has to stand still.
CONFIDENCE = 0.95

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Converged(Generic[Result]):
    """A result, and how sure its quantiles are."""

    result: Result
    paths: int
    error: float  # Relative, of the worst quantity watched.
    capped: bool  # The most paths were used and the target was not reached.


def quantile_error(values_P: Floats, probability: float = PLANNED, confidence: float = CONFIDENCE) -> float:
    """Return the relative error of a quantile that was counted from paths.

    Half the width of its order-statistic interval over the quantile: 0 where every path says
    the same, infinite where the interval reaches paths that never end.

    Raises:
        ImpossibleInput: No values, a NaN among them, or a probability outside 0 to 1.

    Source: ranks n q ± z sqrt(n q (1 - q)) (David and Nagaraja, Order Statistics).
    """
    n, q = values_P.size, float(share("Probability", probability))
    z = float(special.ndtri(0.5 + float(share("Confidence", confidence)) / 2))
    if not n or np.isnan(values_P).any():
        raise ImpossibleInput(
            f"{n} values, none or NaN among them, have no quantile.", fix="Give paths that came to an end."
        )
    spread = z * np.sqrt(n * q * (1 - q))
    ranks = np.clip(np.array([np.floor(n * q - spread), n * q, np.ceil(n * q + spread)]), 0, n - 1).astype(
        int
    )
    low, middle, high = np.partition(values_P, ranks)[ranks]
    if not np.isfinite(high):
        return float("inf")
    return float((high - low) / 2 / middle) if high > low else 0.0


def converge(
    run: Callable[[int], Result],
    watched: Callable[[Result], Sequence[Floats]],
    *,
    first_paths: int = FIRST_PATHS,
    most_paths: int = MOST_PATHS,
    target: float = TARGET,
) -> Converged[Result]:
    """Return the result of as few paths as keep every watched P90 within the target at 95 %.

    Args:
        run: Makes the result of so many paths.
        watched: What of it has to stand still, arrays of P.
        first_paths: To begin with; then twice as many, and so on.
        most_paths: Where to stop, whatever the error.
        target: Relative error allowed.

    Raises:
        ImpossibleInput: A count or the target is not above 0, or a watched value is NaN.
    """
    paths = int(quantity("First paths", first_paths, "paths", above_zero=True))
    most = int(quantity("Most paths", most_paths, "paths", above_zero=True))
    allowed = float(quantity("Target", target, "(relative)", above_zero=True))
    while True:
        paths = min(paths, most)
        result = run(paths)
        error = max(quantile_error(values_P) for values_P in watched(result))
        if error < allowed or paths == most:
            return Converged(result=result, paths=paths, error=error, capped=error >= allowed)
        paths *= 2
