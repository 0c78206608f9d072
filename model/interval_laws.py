"""Intervals for lives that are not exponential: the best fixed one, and one that follows the machines' age.

Legend: a life is one of the gang: it ends when any node is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np
from scipy import optimize

from .errors import ImpossibleInput
from .goodput import Cadence
from .interval import exact_hours
from .renewal import Lifetime, billed_per_useful
from .validity import Floats, quantity

TRIED = 60  # Intervals, evenly in the log, before the best are refined: with a cap there are many valleys.
REFINED = 3  # Of those, how many.
SETTLED = 40  # Rounds until an interval and the danger within it agree.
MOST_SAVES = 400  # Of one life that are planned by age; later ones keep the last interval.
BETWEEN = 12  # Ages looked at within one interval, when the plan by age is made.
REACH = 2000  # Ages ahead at which one interval may end.


def gang_life(life: Lifetime, nodes: int, gang_share: float) -> Lifetime:
    """Return the life of n nodes of which the first loss stops all, beta of losses being common (F10).

    S^(n (1 - beta) + beta): for constant hazards F10, for beta 0 F6b.
    """
    n = float(quantity("Node count", nodes, "nodes", above_zero=True))
    power = n * (1.0 - gang_share) + gang_share
    return Lifetime(lambda hours: life.survival(hours) ** power, life.longest_hours)


def best_fixed_hours(life: Lifetime, cadence: Cadence, longest_hours: float) -> tuple[float, float]:
    """Return the fixed interval with the least billed hours per useful hour (F6), and those.

    Args:
        life: Of the gang.
        cadence: What saving costs; its own interval is ignored.
        longest_hours: Cap, such as the length of the job.

    Raises:
        ImpossibleInput: No interval up to the cap is ever committed.
    """
    known = _KnownMean(life.survival, life.longest_hours, life.mean_hours())
    start = float(exact_hours(max(cadence.pause_hours, 1e-6), 1.0 / known.mean))
    tried = np.unique(np.minimum(start * np.geomspace(1 / 10, 10, TRIED), longest_hours))
    billed = np.array([_billed(known, cadence, float(hours)) for hours in tried])
    if not np.isfinite(billed).any():
        raise ImpossibleInput(
            f"Machines live {known.mean:.3g} h on average, so no save would ever be reached after a "
            f"restart of {cadence.redo_hours:g} h.",
            fix="Choose a calmer pool, or shorter restarts and saves.",
        )
    found = []
    for best in np.argsort(billed, kind="stable")[:REFINED]:
        low, high = float(tried[max(best - 1, 0)]), float(tried[min(best + 1, tried.size - 1)])
        found.append((float(billed[best]), float(tried[best])))
        if high > low:
            hours, least = refined(lambda hours: _billed(known, cadence, hours), low, high)
            found.append((least, hours))
    least, hours = min(found)
    return hours, least


@dataclass(frozen=True)
class _KnownMean(Lifetime):
    """A law whose mean was worked out once."""

    mean: float = 0.0

    def mean_hours(self) -> float:
        return self.mean


def refined(cost: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """Return where between two intervals a cost is least, and that cost; ends are tried too."""
    found = optimize.minimize_scalar(
        lambda x: cost(float(np.exp(x))), bounds=(np.log(low), np.log(high)), method="bounded",
        options={"xatol": 1e-5, "maxiter": 60},
    )  # fmt: skip
    tried = [(cost(hours), hours) for hours in (float(np.exp(found.x)), low, high)]
    least, hours = min(tried)
    return hours, least


def _billed(life: Lifetime, cadence: Cadence, interval_hours: float) -> float:
    try:
        return billed_per_useful(life, with_interval(cadence, interval_hours))
    except ImpossibleInput:  # No life commits so long an interval.
        return float("inf")


def with_interval(cadence: Cadence, interval_hours: float) -> Cadence:
    """Return the same costs of saving at another interval."""
    return Cadence(
        interval_hours=interval_hours, pause_hours=cadence.pause_hours, restart_hours=cadence.restart_hours,
        save_lag_hours=cadence.save_lag_hours,
    )  # fmt: skip


def interval_at_age_hours(
    life: Lifetime, age_hours: float, pause_hours: float, shortest_hours: float, longest_hours: float
) -> float:
    """Return the interval to begin at an age: the exact one for the mean danger until its save (F6c).

    The danger within an interval depends on its length, so both are sought together.

    Raises:
        ImpossibleInput: The age or a bound is impossible.
    """
    age = float(quantity("Age", age_hours, "h"))
    shortest = float(quantity("Shortest interval", shortest_hours, "h", above_zero=True))
    longest = float(quantity("Longest interval", longest_hours, "h", above_zero=True))
    now = _log_survival(life, age)
    interval = longest
    for _ in range(SETTLED):
        ahead = interval + pause_hours
        hazard = (now - _log_survival(life, age + ahead)) / ahead
        wanted = float(exact_hours(pause_hours, hazard)) if np.isfinite(hazard) else shortest
        step = float(np.clip(wanted, shortest, longest))
        if abs(step - interval) < 1e-6 * interval:
            return step
        interval = float(np.sqrt(step * interval))
    return interval


def intervals_by_age(
    life: Lifetime, cadence: Cadence, shortest_hours: float, longest_hours: float
) -> list[tuple[float, float]]:
    """Return (age at which it begins, interval), from the first after a restart on, in hours.

    F6c is the first guess. Around it the plan that keeps most work in a life is found backwards from
    old age, over ages within its intervals: the guess is blind to a danger that rises steeply.
    """
    guess = _first_guess(life, cadence, shortest_hours, longest_hours)
    pause, (_, last) = cadence.pause_hours, guess[-1]
    ages = _ages(life, guess, float(exact_hours(pause, 1.0 / life.mean_hours())) + pause)
    alive = life.at(ages)
    kept, following = np.zeros(ages.size), np.zeros(ages.size, dtype=int)
    kept[-1] = _kept_after(life, float(ages[-1]), last, pause)
    for place in range(ages.size - 2, -1, -1):
        ends = np.arange(place + 1, min(ages.size, place + 1 + REACH))
        hours = ages[ends] - ages[place] - pause
        value = np.where(
            (hours >= shortest_hours * (1 - 1e-9)) & (hours > 0), alive[ends] * hours + kept[ends], 0
        )
        best = int(np.argmax(value))
        kept[place], following[place] = value[best], ends[best]
    plan, place = list[tuple[float, float]](), 0
    while place < ages.size - 1 and kept[place] > 0:
        plan.append((float(ages[place]), float(ages[following[place]] - ages[place] - pause)))
        place = int(following[place])
    return [*plan, (float(ages[place]), last)]


def _ages(life: Lifetime, guess: list[tuple[float, float]], usual_hours: float) -> Floats:
    """Return the ages at which the plan may save: within guessed intervals, and nowhere far apart."""
    begins = [age for age, _ in guess]
    if np.isfinite(life.longest_hours):  # Where nobody outlives an age, the last save comes just before.
        begins = [*(age for age in begins if age < life.longest_hours), life.longest_hours - 1e-9]
    steps = [
        np.linspace(age, after, max(BETWEEN, ceil(BETWEEN * min((after - age) / usual_hours, 1e3))), False)
        for age, after in pairwise(begins)
    ]
    return np.append(np.concatenate(steps), begins[-1]) if steps else np.array(begins)


def _first_guess(
    life: Lifetime, cadence: Cadence, shortest_hours: float, longest_hours: float
) -> list[tuple[float, float]]:
    """Return the plan of F6c, until intervals have reached the longest or survival its end."""
    age, plan = cadence.redo_hours, list[tuple[float, float]]()
    for _ in range(MOST_SAVES):
        hours = interval_at_age_hours(life, age, cadence.pause_hours, shortest_hours, longest_hours)
        plan.append((age, hours))
        age += hours + cadence.pause_hours
        if hours >= longest_hours or float(life.at(np.asarray(age))) < 1e-6:
            break
    return plan


def _kept_after(life: Lifetime, age_hours: float, interval_hours: float, pause_hours: float) -> float:
    """Return work kept from an age on at one interval, times the chance to live that long."""
    kept, segment = 0.0, interval_hours + pause_hours
    for first in range(1, 10**6, 4096):
        chances = life.at(age_hours + segment * np.arange(first, first + 4096, dtype=np.float64))
        kept += interval_hours * float(chances.sum())
        if chances[-1] <= 1e-12:
            break
    return kept


def billed_by_age(life: Lifetime, cadence: Cadence, plan: list[tuple[float, float]]) -> float:
    """Return billed hours per useful hour when intervals follow a plan by age; the last one repeats (F6).

    Raises:
        ImpossibleInput: No life is long enough to commit one interval.
    """
    ends = np.array([after for _, (after, _) in pairwise(plan)])
    kept = float(np.dot(life.at(ends), [hours for _, hours in plan[:-1]])) if ends.size else 0.0
    kept += _kept_after(life, *plan[-1], cadence.pause_hours)
    if kept <= 0:
        raise ImpossibleInput("No machine lives to its first save.", fix="Shorten the checkpoint interval.")
    return life.mean_hours() / kept


def _log_survival(life: Lifetime, age_hours: float) -> float:
    with np.errstate(divide="ignore"):
        return float(np.log(life.at(np.asarray(age_hours))))
