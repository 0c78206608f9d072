"""Regions that train apart and meet every few hundred steps, so that data stays at home and traffic is small.

Each region takes `every_steps` optimizer steps of its own from parameters all regions share. Then the
mean of how far the regions moved is the gradient of an outer step, stochastic gradient descent with
Nesterov momentum, and all go on from its result. The outer state is the same in every region, bit for
bit, because each computes it from the same bytes in the same order. A region's inner optimizer stays its
own.

Source: Douillard et al. (2023), DiLoCo: distributed low-communication training of language models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from .errors import OtherTraining, PlanError
from .world import World

# Of Douillard et al. (2023), section 3; measured again on the bundled model in docs/regional.md.
OUTER_LR, OUTER_MOMENTUM = 0.7, 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """One round in which regions met."""

    round_number: int  # From 1.
    regions: tuple[str, ...]  # Who took part.
    mean: Tensor  # Of their deltas, flat, float32.


class Exchange(Protocol):
    """How regions meet."""

    def meet(self, round_number: int, delta: Tensor) -> Iterator[Meeting]:
        """Offer a delta, and yield the meeting of that round, and of later ones that we were too late for.

        A region whose delta came too late is not among a meeting's `regions`; the others have gone on.
        """


class GroupExchange:
    """Regions in one torch process group, one rank each. All take part, always; a lost one is an error."""

    def __init__(self, world: World) -> None:
        self._world = world

    def meet(self, round_number: int, delta: Tensor) -> Iterator[Meeting]:
        """Yield the mean of all ranks' deltas, added in the order of rank."""
        parts = [torch.empty_like(delta) for _ in range(self._world.size)]
        torch.distributed.all_gather(parts, delta)
        regions = tuple(str(rank) for rank in range(self._world.size))
        yield Meeting(round_number=round_number, regions=regions, mean=mean_of(parts))


class FirstRankMeets:
    """Several ranks in a region that hold the model alike: the first meets the others and tells its own."""

    def __init__(self, exchange: Exchange, world: World) -> None:
        self._exchange, self._world = exchange, world

    def meet(self, round_number: int, delta: Tensor) -> Iterator[Meeting]:
        """Yield what the exchange yields on rank 0."""
        meetings = self._exchange.meet(round_number, delta) if self._world.rank == 0 else None
        while True:
            meeting = next(meetings, None) if meetings is not None else None
            head = [(meeting.round_number, meeting.regions) if meeting else None]
            torch.distributed.broadcast_object_list(head)
            if head[0] is None:
                return
            mean = meeting.mean if meeting else torch.empty_like(delta)
            torch.distributed.broadcast(mean, 0)
            yield Meeting(round_number=head[0][0], regions=tuple(head[0][1]), mean=mean)


def mean_of(deltas: Sequence[Tensor]) -> Tensor:
    """Return the mean, added in the order given: the same deltas give the same bits everywhere."""
    total = deltas[0].clone()
    for delta in deltas[1:]:
        total += delta
    return total / len(deltas)


class OuterStep:
    """A region's place in the training of all; call `after_step` after every `optimizer.step()`.

    Args:
        model: Its parameters are moved. They must be whole on this rank, and alike in all regions at first.
        every_steps: Inner steps between two meetings, the same in all regions.

    Raises:
        PlanError: The model is sharded, or the numbers make no sense.
    """

    def __init__(
        self,
        model: nn.Module,
        exchange: Exchange,
        *,
        every_steps: int,
        lr: float = OUTER_LR,
        momentum: float = OUTER_MOMENTUM,
    ) -> None:
        self._parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        _refuse(self._parameters, every_steps, lr, momentum)
        self._exchange, self._every_steps = exchange, every_steps
        self._lr, self._momentum = lr, momentum
        self._shared = self._flat().clone()
        self._speed = torch.zeros_like(self._shared)
        self.round_number = 0  # Meetings that are behind us.
        self.inner_steps = 0  # Since the last.
        self.regions: tuple[str, ...] = ()  # Who took part in the last.

    def after_step(self) -> bool:
        """Count an inner step, and meet the others when it is time; return whether we met.

        We do not where the exchange was stopped; what it has offered stands, and the next step tries again.
        """
        self.inner_steps += 1
        if self.inner_steps < self._every_steps:
            return False
        delta = self._shared - self._flat()
        before = self.round_number
        for meeting in self._exchange.meet(self.round_number + 1, delta):
            self._take(meeting)
        if self.round_number == before:
            return False
        self._spread()
        self.inner_steps = 0
        return True

    @property
    def steps_of_all(self) -> int:
        """How far the regions are together, in inner steps: what a learning rate follows."""
        return self.round_number * self._every_steps + self.inner_steps

    def _take(self, meeting: Meeting) -> None:
        """Make the outer step of one round, as `torch.optim.SGD(nesterov=True)` would."""
        self._speed.mul_(self._momentum).add_(meeting.mean)
        self._shared.add_(meeting.mean.add(self._speed, alpha=self._momentum), alpha=-self._lr)
        self.round_number, self.regions = meeting.round_number, meeting.regions

    @torch.no_grad()
    def _flat(self) -> Tensor:
        return torch.cat([p.detach().reshape(-1).float().cpu() for p in self._parameters.values()])

    @torch.no_grad()
    def _spread(self) -> None:
        parts = torch.split(self._shared, [p.numel() for p in self._parameters.values()])
        for p, part in zip(self._parameters.values(), parts, strict=True):
            p.copy_(part.view_as(p))

    def state_dict(self) -> dict[str, Any]:
        """Return the shared parameters, the momentum, and how far we are."""
        return {
            "round_number": self.round_number,
            "inner_steps": self.inner_steps,
            "every_steps": self._every_steps,
            "shared": self._shared,
            "speed": self._speed,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take a state back; raises OtherTraining where rounds were of another length."""
        if state_dict["every_steps"] != self._every_steps:
            raise OtherTraining(
                f"The checkpoint meets the other regions every {state_dict['every_steps']} steps; this "
                f"training would every {self._every_steps}.",
                fix="Start every region with the former number.",
            )
        self.round_number = int(state_dict["round_number"])
        self.inner_steps = int(state_dict["inner_steps"])
        self._shared.copy_(state_dict["shared"])
        self._speed.copy_(state_dict["speed"])


def _refuse(parameters: Mapping[str, Tensor], every_steps: int, lr: float, momentum: float) -> None:
    sharded = [name for name, p in parameters.items() if hasattr(p, "_local_tensor")]
    if sharded:
        raise PlanError(
            f"{sharded[0]} is sharded over ranks; regions exchange whole parameters.",
            fix="Train each region with --parallel ddp.",
        )
    if every_steps < 1 or not 0 < lr <= 2 or not 0 <= momentum < 1:
        raise PlanError(
            f"An outer step every {every_steps} steps at rate {lr:g} with momentum {momentum:g} cannot be.",
            fix="Give at least 1 step, a rate in (0, 2] and a momentum in [0, 1).",
        )


class Parts:
    """Several states as one, for a session that takes one: the data cursor and the outer step."""

    def __init__(self, **parts: Any) -> None:
        self._parts = parts

    def state_dict(self) -> dict[str, Any]:
        """Return each part's state by name."""
        return {name: part.state_dict() for name, part in self._parts.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Give each part its state."""
        for name, part in self._parts.items():
            part.load_state_dict(state_dict[name])
