"""Lives of instances that ran, right-censored, and the two laws a gang on them needs beside.

An instance that was taken back lived as long as it did; one that was stopped, that failed or that
still ran when last seen lived at least so long. One that already ran when the watching began is
left out, for nobody knows its age.

Legend: N = lives, C = components.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from .errors import ImpossibleInput
from .lives import LifeLaw
from .lognormal import Components
from .market import EndCause, Tenure
from .observed import Lives
from .validity import aware, quantity

LEAST_LOOK_HOURS = 1.0 / 60.0  # Stamps of begin and end are no truer than a minute,
LOOK_SHARE = 0.01  # nor does a hundredth of a life matter: an exact age has no likelihood of its own.

# Source: the ten normals of Frühwirth-Schnatter and Frühwirth (2007), table 1, for minus the log of a
# standard exponential; its survival is off by less than 0.0005 and its mean by 0.0012.
EXPONENTIAL_SHARE_C = np.array(
    [0.00397, 0.0396, 0.168, 0.147, 0.125, 0.101, 0.104, 0.116, 0.107, 0.088]
)  # fmt: skip
EXPONENTIAL_LOCATION_C = -np.array(
    [5.09, 3.29, 1.82, 1.24, 0.764, 0.391, 0.0431, -0.306, -0.673, -1.06]
)  # fmt: skip
EXPONENTIAL_VARIANCE_C = np.array(
    [4.5, 2.02, 1.1, 0.422, 0.198, 0.107, 0.0778, 0.0766, 0.0947, 0.146]
)  # fmt: skip


def tenure_lives(tenures: Sequence[Sequence[Tenure]], *, from_at: datetime, as_of: datetime) -> Lives:
    """Return the lives of instances that began from an instant on, as known at a later one.

    Those that began before are left out, whether they ended or not: they are known only because
    they lasted. Hours are counted from `from_at`; nothing is known of what preceded a life.

    Args:
        tenures: Of each pool; a life's `pool_N` is the place in this list.
        from_at: Where lives begin to count, aware.
        as_of: Nothing observed later counts, aware.

    Raises:
        ImpossibleInput: An instant carries no time zone, or they are not in order.
    """
    if not aware("From", from_at) < aware("As of", as_of):
        raise ImpossibleInput(f"{from_at} is not before {as_of}.", fix="Count lives from an earlier instant.")
    rows = [
        (index, *_known(each, as_of), (each.began_at - from_at) / timedelta(hours=1))
        for index, pool in enumerate(tenures)
        for each in pool
        if from_at <= each.began_at and each.observed_at <= as_of and not each.began_before
    ]
    pool, after, until, began = (np.array(column) for column in zip(*rows, strict=True)) if rows else _EMPTY
    return Lives(
        pool_N=pool.astype(np.int64),
        after_hours_N=after,
        until_hours_N=until,
        began_hour_N=began,
        recent_NL=np.zeros((pool.size, 0)),
    )


_EMPTY = (np.zeros(0),) * 4


def _known(each: Tenure, as_of: datetime) -> tuple[float, float]:
    """Return the ages a life is known to exceed and not to exceed, in hours."""
    age = max((each.ended_at or each.observed_at) - each.began_at, timedelta(0)) / timedelta(hours=1)
    if each.ended_at is None or each.ended_at > as_of or each.end_cause is not EndCause.PREEMPTED:
        return min(age, (as_of - each.began_at) / timedelta(hours=1)), np.inf
    look = max(LEAST_LOOK_HOURS, LOOK_SHARE * age)
    return max(age - 0.5 * look, 0.0), age + 0.5 * look


def exponential_law(mean_hours: float, log_sd: float = 0.0) -> LifeLaw:
    """Return exponential lives as a mix of lognormals, with what is not known of their mean.

    Args:
        mean_hours: Above 0.
        log_sd: Of the log of the mean, which stays what it is on average.

    Raises:
        ImpossibleInput: The mean is not above 0, or the spread is negative.
    """
    mean = float(quantity("Mean life", mean_hours, "h", above_zero=True))
    unsure = float(quantity("Spread of the mean", log_sd, "(log)"))
    share_C = EXPONENTIAL_SHARE_C / EXPONENTIAL_SHARE_C.sum()
    return LifeLaw(
        Components(
            share_C[None, :],
            np.log(mean) - 0.5 * unsure**2 + EXPONENTIAL_LOCATION_C[None, :],
            np.sqrt(EXPONENTIAL_VARIANCE_C)[None, :],
            np.full((1, share_C.size), unsure),
        ),
        0.0,
    )


def hastened(law: LifeLaw, times_as_often: float) -> LifeLaw:
    """Return the lives of what stops so many times as often: a gang, of its instances' law.

    Exact for exponential lives, where the first of n to end lives 1/n as long; of other laws it
    keeps the spread and the regime, and hastens every quantile alike.

    Raises:
        ImpossibleInput: The factor is not above 0.
    """
    factor = float(quantity("Stops of a gang for each of an instance", times_as_often, "", above_zero=True))
    part = law.components
    return replace(law, components=replace(part, location_NC=part.location_NC - np.log(factor)))
