"""Policies for one job each, asked for many jobs together: the other way round from `policy_peers.Single`.

Each keeps its own past and clock, so jobs of a batch may stand in different markets.

Legend: B = jobs, P = pools.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import ImpossibleInput
from .policy_replay import MODES, NONE, OnePolicy, Situation, Terms
from .spot_safety import ROUNDING
from .watched import Ints


class Together:
    """A `BatchPolicy` of policies that decide for one job."""

    def __init__(self, policies: Sequence[OnePolicy]) -> None:
        self.policies = tuple(policies)

    def decide_batch(self, terms: Terms, now: Situation) -> tuple[Ints, Ints]:
        """Return mode and pool of each job for this tick, shapes (B,); jobs that are done hold nothing.

        Raises:
            ImpossibleInput: There are not as many jobs as policies.
        """
        if now.done_B.size != len(self.policies):
            raise ImpossibleInput(
                f"{len(self.policies)} policies were asked about {now.done_B.size} jobs.",
                fix="Make one policy for each job.",
            )
        mode_B, pool_B = np.full(now.done_B.size, NONE), np.full(now.done_B.size, -1)
        promise = terms.promise
        going = np.flatnonzero(now.done_B < promise.task_hours - ROUNDING * promise.tick_hours)
        for job in going.tolist():
            mode_B[job], pool_B[job] = self._one(job, terms, now)
        return mode_B, pool_B

    def _one(self, job: int, terms: Terms, now: Situation) -> tuple[int, int]:
        mode, pool = int(now.mode_B[job]), int(now.pool_B[job])
        current = (MODES[mode], terms.pools[pool] if mode != NONE else None)
        available = dict(zip(terms.pools, now.up_BP[job].tolist(), strict=True))
        now_h = now.tick * terms.promise.tick_hours
        kind, name = self.policies[job].decide(now_h, float(now.done_B[job]), current, available)
        return MODES.index(kind), -1 if name is None else terms.pools.index(name)
