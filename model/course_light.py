"""A job with two kinds of save, walked life by life: light ones often, a full one each so many.

Saves are counted in places since the last full one; the last place of a round is the full save's. After
a loss the job goes on from its newest light save or from its last full one: by chance where light
saves survive a share of losses (F9a), else where that is worth the warm-up (F9b). What lay between
is work done again, and so is the warm-up.

Legend: N = paths not yet done, K = paths struck.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .course_billing import Billing, Notice
from .course_engine import Bools, Engine
from .errors import ImpossibleInput
from .goodput import Cadence
from .luck import uniforms
from .spells import Market
from .validity import Floats, quantity, share
from .watched import Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """Each `every`-th save is full; the cadence's pause is then not looked at."""

    every: int
    light_pause_hours: float
    full_pause_hours: float
    survives_share: float | None = None  # Of losses: a light save is still there (F9a). Or
    warm_hours: float | None = None  # what working off a light restore takes (F9b).

    def __post_init__(self) -> None:
        quantity("Saves to one full save", self.every, "saves", above_zero=True)
        quantity("Pause of a save", [self.light_pause_hours, self.full_pause_hours], "h")
        if (self.survives_share is None) == (self.warm_hours is None):
            raise ImpossibleInput(
                "Light saves are worth a share of losses survived or a warm-up, exactly one of the two.",
                fix="State survives_share or warm_hours.",
            )
        share("Share of losses survived", self.survives_share or 0.0)
        quantity("Warm-up", self.warm_hours or 0.0, "h")


class LightEngine(Engine):
    """The state of paths with light saves: `left_N` is what is left from the save they go on from."""

    def __init__(
        self, cadence: Cadence, market: Market, billing: Billing, notice: Notice, seed: int, light: Light
    ) -> None:
        if notice.saved_share:
            raise ImpossibleInput(
                f"A plan with light saves also counts on {notice.saved_share:.0%} of emergency saves.",
                fix="Plan with one of the two: they are weighed against each other, not together.",
            )
        super().__init__(cadence, market, billing, notice, seed)
        self.light = light
        self.step_hours = cadence.interval_hours + light.light_pause_hours
        self.more_hours = light.full_pause_hours - light.light_pause_hours
        self.round_hours = light.every * self.step_hours + self.more_hours

    def begin(self, work_hours: float, start_hours: float) -> None:
        """Put every path at the start, as after a full save."""
        self.place_N: Ints = np.zeros(self.market.paths, dtype=np.int64)
        super().begin(work_hours, start_hours)

    def live(self, number: int, restart: float, latest: float) -> None:
        """Play one life on every path that is not done, and keep those that were struck."""
        from_N, until_N = self._next_spell(latest)
        warm_N = np.where(self.place_N > 0, self.light.warm_hours or 0.0, 0.0)
        needed_N = restart + warm_N + self._length(self.left_N) + self.cadence.save_lag_hours
        done_N = needed_N <= until_N - from_N
        path_K, used_K = self.path_N[done_N], needed_N[done_N]
        self._finish(path_K, from_N[done_N], used_K, self.left_N[done_N], restart)
        self.courses.stall_hours[path_K] -= warm_N[done_N]
        self.courses.rerun_hours[path_K] += warm_N[done_N]
        self._keep(~done_N)
        self._lose(number, from_N[~done_N], until_N[~done_N], restart, warm_N[~done_N])

    def _keep(self, kept_N: Bools) -> None:
        super()._keep(kept_N)
        self.place_N = self.place_N[kept_N]

    def _length(self, left_N: Floats) -> Floats:
        whole_N, rest_N = self._segments(left_N)
        return np.asarray(left_N + self._pauses(whole_N + (rest_N > 0)))

    def _pauses(self, saves_N: Floats) -> Floats:
        """Return the hours of so many saves from each path's place on."""
        full_N = np.floor((self.place_N + saves_N) / self.light.every)
        return saves_N * self.light.light_pause_hours + full_N * self.more_hours

    def _saves(self, inside_N: Floats) -> tuple[Floats, Floats]:
        """Return whole segments with their saves within so many hours, and the hours beyond them."""
        every, begun_N = self.light.every, self.place_N * self.step_hours
        rounds_N = np.floor((inside_N + begun_N) / self.round_hours)
        beyond_N = inside_N + begun_N - rounds_N * self.round_hours
        steps_N = np.minimum(np.floor(beyond_N / self.step_hours), every - 1)
        return rounds_N * every + steps_N - self.place_N, beyond_N - steps_N * self.step_hours

    def _committed(self, inside_K: Floats) -> tuple[Floats, Floats]:
        whole_K, rest_K = self._segments(self.left_N)
        saves_K = self._saves(np.maximum(inside_K - self.cadence.save_lag_hours, 0.0))[0]
        most_K = np.where(rest_K > 0, whole_K, whole_K - 1)  # The last save would have ended the job.
        saves_K = np.maximum(np.minimum(saves_K, most_K), 0.0)
        return saves_K * self.cadence.interval_hours, self._pauses(saves_K)

    def _reached(self, inside_K: Floats) -> Floats:
        tau = self.cadence.interval_hours
        saves_K, beyond_K = self._saves(inside_K)
        return np.asarray(np.minimum(saves_K * tau + np.minimum(beyond_K, tau), self.left_N))

    def _lose(self, number: int, from_K: Floats, until_K: Floats, restart: float, warm_K: Floats) -> None:
        """Lose the machines, then go back to the save that each path goes on from."""
        tau, left_K = self.cadence.interval_hours, self.left_N
        warmed_K = np.clip(until_K - from_K - restart, 0.0, warm_K)
        self.courses.rerun_hours[self.path_N] += warmed_K
        self.courses.restart_hours[self.path_N] -= warmed_K
        self._strike(number, from_K, until_K, restart + warm_K)
        saves_K = np.rint((left_K - self.left_N) / tau).astype(np.int64)
        self.place_N = (self.place_N + saves_K) % self.light.every
        self._go_back(number)

    def _go_back(self, number: int) -> None:
        """Send paths whose light saves are gone, or worth less than their warm-up, to the last full one."""
        back_N = self.place_N * self.cadence.interval_hours
        if self.light.survives_share is not None:
            gone_N = uniforms(self.seed, "light saves", self.path_N, number) >= self.light.survives_share
        else:
            gone_N = back_N <= (self.light.warm_hours or 0.0)
        paused_N = np.where(gone_N, self.place_N * self.light.light_pause_hours, 0.0)
        again_N = np.where(gone_N, back_N, 0.0)
        self.left_N = self.left_N + again_N
        self.courses.stall_hours[self.path_N] -= paused_N
        self.courses.rerun_hours[self.path_N] += paused_N + again_N
        self.courses.lost_work_hours[self.path_N] += again_N
        self.place_N = np.where(gone_N, 0, self.place_N)
