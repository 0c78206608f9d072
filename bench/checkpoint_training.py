"""The training that checkpoints are measured beside: fp32 layers under torch's AdamW, on one thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

WIDTH = 1024


class Training:
    """A stack of square layers and its optimizer; a step is a forward, a backward and an update."""

    def __init__(self, layers: int, seed: int, *, first_step: bool = True) -> None:
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        self.model = torch.nn.Sequential(*[torch.nn.Linear(WIDTH, WIDTH) for _ in range(layers)])
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.batch = torch.randn(96, WIDTH)
        if first_step:
            self.step()  # The optimizer makes its moments.

    def step(self, before_update: Callable[[], None] = lambda: None) -> float:
        """Take one step; return the seconds spent inside `before_update`."""
        self.model(self.batch).square().mean().backward()
        began = time.perf_counter()
        before_update()
        waited_s = time.perf_counter() - began
        self.optimizer.step()
        self.optimizer.zero_grad()
        return waited_s

    def state(self) -> dict[str, object]:
        """Return what a checkpoint holds, as torch tells it."""
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    @property
    def state_bytes(self) -> int:
        """Size of weights and moments."""
        return 3 * sum(p.numel() * p.element_size() for p in self.model.parameters())


@dataclass(frozen=True)
class Saved:
    """What one save cost."""

    blocked_s: float  # Training stood still.
    slowed_s: float  # Steps took longer, in sum, until the save was durable.
    durable_s: float  # From the call until the checkpoint exists.


def save_beside(training: Training, saver: Saver) -> Saved:
    """Save once while training goes on, and take the times; usual steps are timed before and after."""
    before_s = usual_step_s(training)
    began = time.perf_counter()
    saver.begin(training)
    blocked_s = time.perf_counter() - began
    steps, waited_s = 0, 0.0
    while True:
        waited_s += training.step(saver.before_update)
        steps += 1
        if saver.is_durable():
            break
    took_s = time.perf_counter() - began
    saver.end()
    usual_s = (before_s + usual_step_s(training)) / 2
    slowed_s = took_s - blocked_s - waited_s - steps * usual_s  # Below zero where the machine is noisy.
    return Saved(blocked_s + waited_s, slowed_s, took_s)


class Saver:
    """One way of saving."""

    def begin(self, training: Training) -> None:
        """Start a save; returns when training may go on."""

    def before_update(self) -> None:
        """Wait until the state may change."""

    def is_durable(self) -> bool:
        """Whether the save that was begun exists."""
        raise NotImplementedError

    def end(self) -> None:
        """Clean up after a save, untimed."""

    def close(self) -> None:
        """Give everything back."""


def usual_step_s(training: Training, n: int = 15) -> float:
    """Return the median seconds of a step with nothing beside it."""
    taken = []
    for _ in range(n):
        began = time.perf_counter()
        training.step()
        taken.append(time.perf_counter() - began)
    return sorted(taken)[n // 2]
