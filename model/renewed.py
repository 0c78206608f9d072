"""A market of lives and gaps drawn from laws, for pools with little history or none.

Lives and gaps alternate. All lives of one course are longer or shorter by one factor: what is
not known of the pool stays for the whole course, the regime is drawn anew every week. The
first spell is the one that runs now: a spell that has reached an age is likely to last, and
says something of the regime it is in. What is recent now is not so later: spells to come follow
the law of the hour ahead they begin in.

Legend: P = paths, N = paths asked about, C = components, K = hours ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from .errors import ImpossibleInput
from .lives import LifeLaw
from .luck import normals, regimes, uniforms
from .observed import AHEAD_HOURS
from .validity import Floats, quantity
from .watched import Bools, Ints, Place

REGIME_HOURS = 168.0
LONGEST_LOG_HOURS = 14.0  # 137 years.
SHORTEST_HOURS = 1e-3  # No spell is shorter than four seconds: nobody looks that often.


@dataclass(frozen=True, slots=True)
class Standing:
    """What is seen of a pool now; on each path, since what is not seen is drawn."""

    up_P: Bools
    age_hours_P: Floats  # For how long the state has been what it is.


def standing(up: bool, age_hours: float, paths: int) -> Standing:
    """Return what was seen of a pool, the same on all paths.

    Raises:
        ImpossibleInput: The age is negative or not finite.
    """
    age = float(quantity("Age of the state", age_hours, "h"))
    return Standing(np.full(paths, up, dtype=np.bool_), np.full(paths, age))


class _Law:
    """One kind of spell of one pool on all paths: draws of its lengths."""

    def __init__(self, law: LifeLaw, place: Place, seed: int, what: str, paths: int) -> None:
        part = law.components
        self.share_C, self.scale_C = part.share_NC[0], part.scale_NC[0]
        self.location_KC, self.ahead_hours_K = part.location_NC, AHEAD_HOURS[: len(part.location_NC)]
        self.unsure = float(np.sqrt((part.unsure_NC[0] ** 2 * self.share_C).sum()))
        self.regime, self.place, self.seed, self.what = law.regime, place, seed, what
        every_P = np.arange(paths, dtype=np.int64)
        self.ignorance_P = self.unsure * normals(seed, f"ignorance {what}/{place.pool}", every_P)
        self.first_regime_P = self.regime * regimes(seed, what, place, every_P)

    def lengths(self, path_N: Ints, turn_N: Ints, begins_hours_N: Floats) -> Floats:
        """Return the length of each path's spell of this turn."""
        week_N = (begins_hours_N / REGIME_HOURS).astype(np.int64)
        shift_N = self.ignorance_P[path_N] + np.where(
            week_N == 0, self.first_regime_P[path_N], self._regime(path_N, week_N)
        )
        stream = f"{self.what}/{self.place.pool}"
        part_N = _chosen(self.share_C, uniforms(self.seed, f"part {stream}", path_N, turn_N))
        z_N = normals(self.seed, f"length {stream}", path_N, turn_N)
        ahead_N = np.searchsorted(self.ahead_hours_K, begins_hours_N, side="right") - 1
        return _hours(self.location_KC[ahead_N, part_N] + shift_N + self.scale_C[part_N] * z_N)

    def remaining(self, path_N: Ints, age_hours_N: Floats) -> Floats:
        """Return what is left of spells of an age, once per path, and learn their regimes from that.

        Log length = location + shift + scale z is normal, and is drawn above the log of the age;
        the shift is then drawn given the length.
        """
        stream = f"{self.what}/{self.place.pool}"
        total_C = np.sqrt(self.scale_C**2 + self.unsure**2 + self.regime**2)
        log_age_N = np.log(np.maximum(age_hours_N, SHORTEST_HOURS))
        log_alive_NC = log_ndtr((self.location_KC[0] - log_age_N[:, None]) / total_C)
        log_share_NC = log_alive_NC + np.log(np.maximum(self.share_C, 1e-300))
        share_NC = np.exp(log_share_NC - log_share_NC.max(axis=1, keepdims=True))
        part_N = _chosen(share_NC, uniforms(self.seed, f"first part {stream}", path_N))
        u_N = uniforms(self.seed, f"first length {stream}", path_N)
        z_N = -ndtri_exp(np.log(u_N) + log_alive_NC[np.arange(part_N.size), part_N])
        self._learn(path_N, z_N * total_C[part_N], self.scale_C[part_N])
        whole_N = _hours(self.location_KC[0, part_N] + z_N * total_C[part_N])
        return np.asarray(np.maximum(whole_N - age_hours_N, SHORTEST_HOURS))

    def _learn(self, path_N: Ints, surprise_N: Floats, scale_N: Floats) -> None:
        """Move ignorance and regime to what a first spell so much longer than usual says of them.

        Source: conditioning by kriging: prior draws moved by gain times what they miss.
        """
        noise_N = scale_N * normals(self.seed, f"noise {self.what}/{self.place.pool}", path_N)
        missed_N = surprise_N - (self.ignorance_P[path_N] + self.first_regime_P[path_N] + noise_N)
        gain_N = missed_N / (self.unsure**2 + self.regime**2 + scale_N**2)
        self.ignorance_P[path_N] += self.unsure**2 * gain_N
        self.first_regime_P[path_N] += self.regime**2 * gain_N

    def _regime(self, path_N: Ints, week_N: Ints) -> Floats:
        return self.regime * regimes(self.seed, self.what, self.place, path_N, week_N)


class Renewed:
    """A market whose spells are drawn as the job asks for them."""

    def __init__(self, up: LifeLaw, gap: LifeLaw, place: Place, now: Standing, *, seed: int) -> None:
        """Draw the spell that runs now.

        Args:
            up: Predictive law of lives: one row, or one for each of `AHEAD_HOURS` they begin in.
            gap: Predictive law of gaps, alike.
            place: Where the pool stands; pools near each other share regimes.
            now: What is seen of it, on each of 1 or more paths.
            seed: Of all draws.

        Raises:
            ImpossibleInput: There are no paths, a law has other rows, or an age is no age.
        """
        rows = len(up.components.share_NC), len(gap.components.share_NC)
        strange = not {*rows} <= {1, AHEAD_HOURS.size}
        if not now.up_P.size or now.up_P.shape != now.age_hours_P.shape or strange:
            raise ImpossibleInput(
                f"{now.up_P.size} paths, {now.age_hours_P.size} ages, {rows[0]} and {rows[1]} laws.",
                fix=f"State a pool on 1 path or more, laws in 1 row, or {AHEAD_HOURS.size} for hours ahead.",
            )
        age_P = quantity("Age of the state", now.age_hours_P, "h")
        self._up = _Law(up, place, seed, "lives", age_P.size)
        self._gap = _Law(gap, place, seed, "gaps", age_P.size)
        self._turn_P = np.zeros(age_P.size, dtype=np.int64)
        self._from_P, self._until_P = np.zeros(age_P.size), np.zeros(age_P.size)
        there, gone = np.flatnonzero(now.up_P), np.flatnonzero(~now.up_P)
        self._until_P[there] = self._up.remaining(there, age_P[there])
        self._from_P[gone] = self._gap.remaining(gone, age_P[gone])
        lives = self._up.lengths(gone, self._turn_P[gone], self._from_P[gone])
        self._until_P[gone] = self._from_P[gone] + lives

    @property
    def paths(self) -> int:
        """How many paths there are."""
        return len(self._turn_P)

    def spell(self, path_N: Ints, at_hours_N: Floats) -> tuple[Floats, Floats]:
        """Return from when on there is capacity and until when; see `model.spells.Market`."""
        late_N = self._until_P[path_N] <= at_hours_N
        while late_N.any():
            self._advance(path_N[late_N])
            late_N = self._until_P[path_N] <= at_hours_N
        return np.maximum(self._from_P[path_N], at_hours_N), self._until_P[path_N]

    def _advance(self, path_N: Ints) -> None:
        self._turn_P[path_N] += 1
        turn_N, lost_N = self._turn_P[path_N], self._until_P[path_N]
        begins_N = lost_N + self._gap.lengths(path_N, turn_N, lost_N)
        self._from_P[path_N] = begins_N
        self._until_P[path_N] = begins_N + self._up.lengths(path_N, turn_N, begins_N)


def _chosen(share_NC: Floats, u_N: Floats) -> Ints:
    """Return the component each uniform falls into; shares need not sum to 1, and may be one row for all."""
    sum_NC = np.cumsum(np.atleast_2d(share_NC), axis=1)
    beyond_NC = u_N[:, None] * sum_NC[:, -1:] > sum_NC
    return np.asarray(np.minimum(beyond_NC.sum(axis=1), sum_NC.shape[1] - 1), dtype=np.int64)


def _hours(log_hours_N: Floats) -> Floats:
    return np.maximum(np.exp(np.minimum(log_hours_N, LONGEST_LOG_HOURS)), SHORTEST_HOURS)
