"""DeepSpeed under a plan: an engine that ticks, `SpotEngine(engine, plan)`.

The engine keeps its three calls, `spot(batch)`, `spot.backward(loss)` and `spot.step()`; the last is the safe
point once the accumulation is full. Weights, optimizer, scheduler, loss scale and counters are restored.

ZeRO stage 0, in any number of ranks: there every rank holds the whole state. Stages 1 to 3 cut the optimizer
into flat parts that only DeepSpeed can put together again, and are refused rather than saved in part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

import torch

from ..plan import Plan
from ..session import SpotSession
from .driving import NotSupported, ranks_here

COUNTERS = ("global_steps", "global_samples", "micro_steps", "skipped_steps")


class SpotEngine:
    """A DeepSpeed engine in a session.

    Args:
        engine: From `deepspeed.initialize`.
        config: Plain JSON that must not change between two starts.
        options: Of SpotSession: its data cursor, log, clock or notice.

    Raises:
        NotSupported: A ZeRO stage above 0.
        StoppedOnPurpose, FencedOut, PlanError: As SpotSession.
    """

    def __init__(
        self, engine: Any, plan: Plan, *, config: dict[str, Any] | None = None, **options: Any
    ) -> None:
        stage = engine.zero_optimization_stage()
        if stage > 0:
            raise NotSupported(
                f"ZeRO stage {stage} cuts the optimizer's state into flat parts of each rank.",
                fix="Use stage 0, or FSDP2 with a loop of your own: see trainer/examples/fsdp2.py.",
            )
        self.engine = engine
        optimizer = getattr(engine.optimizer, "optimizer", engine.optimizer)  # Out of its fp16 wrapper.
        self.session = SpotSession(
            plan, model=engine.module, optimizer=optimizer, scheduler=_Engine(engine), config=config,
            **{"ranks": ranks_here(), **options},
        )  # fmt: skip
        self._loss: torch.Tensor | float = 0.0

    def __enter__(self) -> SpotEngine:
        self.session.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.__exit__(kind, error, trace)

    def steps(self, total: int) -> Iterator[int]:
        """Yield the numbers of the optimizer steps still to do; each has all its micro-batches."""
        yield from self.session.steps(total)

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Run the model forward."""
        return self.engine(*inputs, **named)

    def backward(self, loss: torch.Tensor) -> None:
        """Run backward."""
        share = 1.0 / self.engine.gradient_accumulation_steps()
        self._loss = self._loss + loss.detach() * share
        self.engine.backward(loss)

    def step(self, *, tokens: int = 0) -> None:
        """Step; once the accumulation is full this is the safe point.

        Args:
            tokens: Of the whole step.
        """
        is_whole = self.engine.is_gradient_accumulation_boundary()
        self.engine.step()
        if is_whole:
            loss, self._loss = self._loss, 0.0
            self.session.tick(loss=loss, tokens=tokens)


class _Engine:
    """What the engine itself counts, and its scheduler."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def state_dict(self) -> dict[str, Any]:
        scheduler = self._engine.lr_scheduler
        return {
            "counters": {name: getattr(self._engine, name) for name in COUNTERS},
            "scheduler": None if scheduler is None else scheduler.state_dict(),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        for name, value in state_dict["counters"].items():
            setattr(self._engine, name, value)
        if state_dict["scheduler"] is not None:
            self._engine.lr_scheduler.load_state_dict(state_dict["scheduler"])
