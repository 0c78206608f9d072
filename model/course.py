"""A job put on a market, life by life: what it was billed for, and where its hours went.

One turn of the loop is one machine's life on every path that is not done: whole segments are
counted, not walked. It assumes no law of lives or gaps; the closed forms (`model.goodput`,
`model.notice`) and the slow oracle (`model.simulate`) keep it honest where they apply.

A preemption may strike work, save and restart; a save counts once its lag is over, so lag acts
like restart; every segment ends in a save. A life begins with a restart, the first one too
unless told otherwise. The end of a spell is when the notice comes, where there is one: the
machine is then billed for the window, and does no work in it.

Legend: P = paths.
"""

from __future__ import annotations

from .course_billing import NO_NOTICE, PLAIN, Billing, Notice
from .course_engine import Courses, Engine
from .course_light import Light, LightEngine
from .goodput import Cadence
from .spells import Market
from .validity import quantity

__all__ = ["NO_NOTICE", "PLAIN", "Billing", "Courses", "Light", "Notice", "run"]

MOST_LIVES = 10_000
LONGEST_HOURS = 1e6  # A century: a job that takes longer never ends here.


def run(
    work_hours: float,
    cadence: Cadence,
    market: Market,
    *,
    billing: Billing = PLAIN,
    notice: Notice = NO_NOTICE,
    light: Light | None = None,
    first_boot: bool = True,
    start_hours: float = 0.0,
    most_lives: int = MOST_LIVES,
    longest_hours: float = LONGEST_HOURS,
    seed: int = 0,
) -> Courses:
    """Return the courses of a job on every path of a market.

    Args:
        work_hours: Useful work at full throughput, above 0.
        cadence: How often the job saves and what that costs.
        market: Spells of capacity for the whole gang. It is used up: it may forget what has passed.
        billing: Refund and least billed time.
        notice: Warning before a loss.
        light: Light saves between full ones, and what they are worth; None where all are full.
        first_boot: Whether the first life begins with a restart as all others do.
        start_hours: When on the market's clock the job starts to ask for capacity.
        most_lives: After so many lives a path is given up as endless.
        longest_hours: So is one that began its last life later than this after the start.
        seed: Of the emergency saves' luck; the market has its own.

    Raises:
        ImpossibleInput: An input is negative or not finite, or work is not above 0.
    """
    cadence.segments(work_hours)  # Refuses impossible work.
    quantity("Start", start_hours, "h")
    quantity("Most lives", most_lives, "lives", above_zero=True)
    quantity("Longest course", longest_hours, "h", above_zero=True)
    if light is None:
        engine = Engine(cadence, market, billing, notice, seed)
    else:
        engine = LightEngine(cadence, market, billing, notice, seed, light)
    engine.begin(work_hours, start_hours)
    for life in range(most_lives):
        engine.live(life, cadence.restart_hours if life or first_boot else 0.0, start_hours + longest_hours)
        if not engine.path_N.size:
            break
    engine.give_up(engine.path_N)
    return engine.courses
