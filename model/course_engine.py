"""One turn after another: the lives of a job's machines on all paths that are not done.

The state of the paths and the tallies of all; `model.course` says what is played, and `course_light`
plays jobs with two kinds of save.

Legend: P = paths, N = paths not yet done, K = paths struck.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from .course_billing import Billing, Notice
from .goodput import WHOLE, Cadence
from .luck import uniforms
from .spells import Market
from .validity import Floats
from .watched import Ints

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Courses:
    """What happened on P paths, in hours.

    billed = work + stall + rerun + restart + notice + minimum − refunded, and
    wall = billed − minimum + refunded + waiting, both to rounding. Where a path was given up,
    wall and billed are infinite and the rest is what had happened by then.
    """

    wall_hours: Floats  # From the start to the last save's commit.
    billed_hours: Floats
    waiting_hours: Floats  # Without capacity, the first wait too.
    stall_hours: Floats  # Pauses that were not in vain, and the last save's lag.
    rerun_hours: Floats  # Lost work and the pauses in it, done again.
    restart_hours: Floats  # Boot, restore, warm-up, where struck as far as they got.
    notice_hours: Floats  # Between notice and loss.
    minimum_hours: Floats  # Billed beyond a life's end, by a least billed time.
    refunded_hours: Floats
    lost_work_hours: Floats  # Useful work alone: rerun without its pauses.
    preemptions: Floats

    @property
    def finished(self) -> Bools:
        """Which paths came to their end, shape (P,)."""
        return np.isfinite(self.wall_hours)


class Engine:
    """The state of the paths that are not done, and the tallies of all."""

    def __init__(self, cadence: Cadence, market: Market, billing: Billing, notice: Notice, seed: int) -> None:
        self.cadence, self.market = cadence, market
        self.billing, self.notice, self.seed = billing, notice, seed
        self.courses = Courses(*(np.zeros(market.paths) for _ in fields(Courses)))

    def begin(self, work_hours: float, start_hours: float) -> None:
        """Put every path at the start with all its work ahead."""
        self.start_hours = start_hours
        self.path_N: Ints = np.arange(self.market.paths)
        self.at_N = np.full(self.market.paths, start_hours)
        self.left_N = np.full(self.market.paths, float(work_hours))

    def live(self, number: int, restart: float, latest: float) -> None:
        """Play one life on every path that is not done, and keep those that were struck."""
        from_N, until_N = self._next_spell(latest)
        needed_N = restart + self._length(self.left_N) + self.cadence.save_lag_hours
        done_N = needed_N <= until_N - from_N
        self._finish(self.path_N[done_N], from_N[done_N], needed_N[done_N], self.left_N[done_N], restart)
        self._keep(~done_N)
        self._strike(number, from_N[~done_N], until_N[~done_N], restart)

    def _next_spell(self, latest: float) -> tuple[Floats, Floats]:
        """Wait on every path for its next machine; give up those that get none in time.

        Returns:
            When each path that is kept gets its machine, and when it loses it.
        """
        from_N, until_N = self.market.spell(self.path_N, self.at_N)
        late_N = from_N > latest
        if late_N.any():
            self.give_up(self.path_N[late_N])
            self._keep(~late_N)
            from_N, until_N = from_N[~late_N], until_N[~late_N]
        self.courses.waiting_hours[self.path_N] += from_N - self.at_N
        return from_N, until_N

    def give_up(self, path_K: Ints) -> None:
        """Mark paths as endless."""
        self.courses.wall_hours[path_K] = self.courses.billed_hours[path_K] = np.inf

    def _keep(self, kept_N: Bools) -> None:
        self.path_N, self.at_N, self.left_N = self.path_N[kept_N], self.at_N[kept_N], self.left_N[kept_N]

    def _segments(self, left_N: Floats) -> tuple[Floats, Floats]:
        """Return whole segments in the work left, and the hours that remain, as `Cadence.segments`."""
        tau = self.cadence.interval_hours
        whole_N = np.floor(left_N / tau + WHOLE)
        rest_N = left_N - whole_N * tau
        return whole_N, np.where(rest_N > WHOLE * tau, rest_N, 0.0)

    def _length(self, left_N: Floats) -> Floats:
        """Return the hours that the work left takes with its pauses."""
        whole_N, rest_N = self._segments(left_N)
        return np.asarray(left_N + (whole_N + (rest_N > 0)) * self.cadence.pause_hours)

    def _finish(self, path_K: Ints, from_K: Floats, used_K: Floats, left_K: Floats, restart: float) -> None:
        done = self.courses
        done.wall_hours[path_K] = from_K + used_K - self.start_hours
        done.restart_hours[path_K] += restart
        done.stall_hours[path_K] += used_K - restart - left_K
        self._bill(path_K, used_K)

    def _strike(self, number: int, from_K: Floats, until_K: Floats, restart: Floats | float) -> None:
        """Lose the machines of all paths that remain, keeping what was committed."""
        path_K, life_K = self.path_N, until_K - from_K
        inside_K = np.maximum(life_K - restart, 0.0)  # Beyond the restart: work, pauses, lag.
        reached_K = self._reached(inside_K)
        kept_K, pauses_K = self._committed(inside_K)
        if self.notice.saved_share:
            saved_K = uniforms(self.seed, "emergency saves", path_K, number) < self.notice.saved_share
            kept_K = np.where(saved_K, reached_K, kept_K)
            pauses_K = np.where(saved_K, inside_K - reached_K, pauses_K)
        struck = self.courses
        struck.preemptions[path_K] += 1
        struck.restart_hours[path_K] += np.minimum(life_K, restart)
        struck.stall_hours[path_K] += pauses_K
        struck.rerun_hours[path_K] += inside_K - kept_K - pauses_K
        struck.lost_work_hours[path_K] += reached_K - kept_K
        struck.notice_hours[path_K] += self.notice.window_hours
        self._bill_lost(path_K, life_K + self.notice.window_hours)
        self.at_N = until_K + self.notice.window_hours
        self.left_N = self.left_N - kept_K
        self._end_saved()

    def _committed(self, inside_K: Floats) -> tuple[Floats, Floats]:
        """Return work committed in a life that was struck, and the pauses that took."""
        cadence = self.cadence
        whole_K, rest_K = self._segments(self.left_N)
        count_K = (inside_K - cadence.save_lag_hours) / (cadence.interval_hours + cadence.pause_hours)
        most_K = np.where(rest_K > 0, whole_K, whole_K - 1)  # The last save would have ended the job.
        count_K = np.maximum(np.minimum(np.floor(count_K), most_K), 0.0)
        return count_K * cadence.interval_hours, count_K * cadence.pause_hours

    def _reached(self, inside_K: Floats) -> Floats:
        """Return useful work done in a life, committed or not."""
        tau, length = self.cadence.interval_hours, self.cadence.interval_hours + self.cadence.pause_hours
        count_K = np.floor(inside_K / length)
        done_K = count_K * tau + np.minimum(inside_K - count_K * length, tau)
        return np.asarray(np.minimum(done_K, self.left_N))

    def _end_saved(self) -> None:
        """End the paths whose emergency save held the last of the work."""
        done_N = self.left_N <= WHOLE * self.cadence.interval_hours
        if done_N.any():
            self.courses.wall_hours[self.path_N[done_N]] = self.at_N[done_N] - self.start_hours
            self._keep(~done_N)

    def _bill(self, path_K: Ints, used_K: Floats) -> None:
        more_K = self.billing.added(used_K)
        self.courses.billed_hours[path_K] += used_K + more_K
        self.courses.minimum_hours[path_K] += more_K

    def _bill_lost(self, path_K: Ints, used_K: Floats) -> None:
        """Bill lives that the provider ended."""
        more_K, free_K = self.billing.added_and_refunded(used_K)
        self.courses.billed_hours[path_K] += used_K + more_K - free_K
        self.courses.minimum_hours[path_K] += more_K
        self.courses.refunded_hours[path_K] += free_K
