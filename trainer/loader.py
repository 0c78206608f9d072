"""Which samples a step trains on, on which rank: the same samples in the same order on any number of ranks.

Samples are numbered through all epochs, and a step takes the next `global_batch` of them. Which sample of
the data a number stands for follows from (seed, epoch, number) alone. The batch is cut into micro-batches
of a fixed size, dealt out to the ranks in turn: with more ranks each computes fewer, and what each
micro-batch holds, and its dropout, never changes. So neither restarts nor other world sizes lose or
repeat a sample, and the one thing the world size touches is the order in which gradients are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import OtherTraining, PlanError
from .permutation import Permutation


class SampleOrder:
    """The sample behind each number: every sample once per epoch, each epoch in an order of its own."""

    def __init__(self, samples: int, seed: int) -> None:
        self.samples, self.seed = samples, seed

    def at(self, first: int, count: int) -> NDArray[np.int64]:
        """Return the samples behind the numbers first … first + count - 1."""
        parts = []
        while count > 0:
            epoch, place = divmod(first, self.samples)
            here = min(count, self.samples - place)
            order = Permutation(self.samples, self.seed, epoch)
            parts.append(order(np.arange(place, place + here, dtype=np.int64)))
            first, count = first + here, count - here
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchShare:
    """How a global batch is cut: `rounds` micro-batches on each of `world_size` ranks.

    Raises:
        PlanError: It does not divide.
    """

    global_batch: int
    micro_batch: int
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if self.global_batch % (self.micro_batch * self.world_size):
            fits = [n for n in range(1, 65) if self.global_batch % (self.micro_batch * n) == 0]
            raise PlanError(
                f"A global batch of {self.global_batch} samples in micro-batches of {self.micro_batch} does "
                f"not divide over {self.world_size} rank{'s' if self.world_size > 1 else ''}.",
                fix=f"Run on {_either(fits)} ranks, or pass a --global-batch that "
                f"{self.micro_batch * self.world_size} divides."
                if fits
                else f"Pass a --global-batch that {self.micro_batch * self.world_size} divides.",
            )

    @property
    def rounds(self) -> int:
        """Micro-batches that each rank computes per step (gradient accumulation)."""
        return self.global_batch // (self.micro_batch * self.world_size)


def _either(numbers: list[int]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} or {last}" if most else last


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroBatch:
    """What one rank computes at once."""

    number: int  # Counted through the whole training; the same on any number of ranks.
    samples: NDArray[np.int64]


class Loader:
    """The data cursor of one rank. Every rank's state is the same, and fits any other world size."""

    def __init__(self, samples: int, *, seed: int, share: BatchShare) -> None:
        self._order, self._share = SampleOrder(samples, seed), share
        self.next_sample = 0  # The first number that no step has trained on.

    def step(self) -> list[MicroBatch]:
        """Return this rank's micro-batches of the next step, and move on."""
        share, first = self._share, self.next_sample
        self.next_sample += share.global_batch
        starts = [
            first + (round_number * share.world_size + share.rank) * share.micro_batch
            for round_number in range(share.rounds)
        ]
        return [
            MicroBatch(number=start // share.micro_batch, samples=self._order.at(start, share.micro_batch))
            for start in starts
        ]

    def state_dict(self) -> dict[str, Any]:
        """Return the cursor, and what it is a cursor of."""
        order = self._order
        return {"next_sample": self.next_sample, "samples": order.samples, "seed": order.seed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take a cursor back; raises OtherTraining where it is one of other data or another seed."""
        ours = self.state_dict()
        for name in ("samples", "seed"):
            if state_dict[name] != ours[name]:
                raise OtherTraining(
                    f"The data cursor is of {name} {state_dict[name]}; this training has {ours[name]}.",
                    fix="Start with the data and seed of the checkpoint.",
                )
        self.next_sample = int(state_dict["next_sample"])
