"""Lightning under a plan: `Trainer(callbacks=[SpotCallback(plan)])` restores, saves and stops.

Weights, optimizer, schedulers, generators and Lightning's own loop progress are restored exactly. The data go
on behind the last batch seen where the loader can say where it is (`state_dict` and `load_state_dict`, as
torchdata's StatefulDataLoader, or `ResumableLoader` around any loader). Lightning's own checkpoints are not
needed (`enable_checkpointing=False`).

One optimizer, one process or DDP. Strategies that shard parameters (FSDP, DeepSpeed) are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from contextlib import ExitStack
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils._pytree import tree_leaves

from ..checkpoint.generators import random_state, set_random_state
from ..plan import Plan
from ..session import SpotSession
from .driving import Driver, NotSupported, ranks_here, steps_in_all

SHARDING = ("FSDP", "DeepSpeed", "ModelParallel")


class SpotCallback(Callback):  # type: ignore[misc]
    """Runs one `trainer.fit` under a plan.

    Args:
        config: Plain JSON that must not change between two starts.
        options: Of SpotSession: its log, clock or notice.

    Raises:
        NotSupported: Several optimizers, or sharded parameters.
        StoppedOnPurpose, FencedOut, PlanError: As SpotSession.
    """

    def __init__(self, plan: Plan, *, config: dict[str, Any] | None = None, **options: Any) -> None:
        self._plan, self._config, self._options = plan, config, options
        self._open = ExitStack()
        self._session: SpotSession | None = None
        self._driver: Driver | None = None
        self._random: dict[str, Any] | None = None
        self._steps = 0  # Optimizer steps, as Lightning counts them.
        self._tokens = 0
        self._loss: torch.Tensor | float = float("nan")

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore, before Lightning looks where to go on."""
        if len(trainer.optimizers) != 1 or any(word in type(trainer.strategy).__name__ for word in SHARDING):
            raise NotSupported(
                f"{len(trainer.optimizers)} optimizers under {type(trainer.strategy).__name__}; a checkpoint "
                "here holds one optimizer over whole parameters.",
                fix="Use a loop of your own around SpotSession: see trainer/examples/fsdp2.py.",
            )
        progress = _Progress(trainer)
        session = SpotSession(
            self._plan, model=pl_module, optimizer=trainer.optimizers[0], data=progress,
            config=self._config, **{"ranks": ranks_here(), **self._options},
        )  # fmt: skip
        self._session = self._open.enter_context(session)
        total = steps_in_all(trainer.estimated_stepping_batches)  # Sets the loaders up, too.
        self._driver = Driver(session, total)
        progress.place_loaders()
        self._steps = session.step
        self._random = random_state() if session.step else None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take SIGTERM back: Lightning would end with 0 on it, and save nothing."""
        assert self._session is not None, "on_fit_start comes first"
        self._session.retake_signals()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """A batch, and with the first of an accumulation a step, begins."""
        if self._random is not None:
            if batch_idx > 0:  # To begin an epoch draws from the generators; ours was under way.
                set_random_state(self._random)
            self._random = None
        self._tokens += _words(batch)
        assert self._driver is not None, "on_fit_start comes first"
        self._driver.begin()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """If the optimizer stepped, a step was completed."""
        if trainer.global_step == self._steps:
            return
        self._steps = trainer.global_step
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        self._loss = loss.detach() if isinstance(loss, torch.Tensor) else float("nan")
        if not trainer.is_last_batch:
            self._end()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End the last step of an epoch: from between its last batch and here Lightning cannot go on."""
        self._end()

    def _end(self) -> None:
        tokens, self._tokens = self._tokens, 0
        assert self._driver is not None, "on_fit_start comes first"
        self._driver.end(loss=self._loss, tokens=tokens)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the end."""
        self._open.close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave the session as a `with` would."""
        self._open.pop_all().__exit__(type(exception), exception, exception.__traceback__)


class _Progress:
    """Lightning's loops and schedulers, as the data cursor of the session."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._loaders: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        schedulers = [each.scheduler.state_dict() for each in self._trainer.lr_scheduler_configs]
        loaders = [loader.state_dict() for loader in self._resumable()]
        return {"loop": self._trainer.fit_loop.state_dict(), "schedulers": schedulers, "loaders": loaders}

    def _resumable(self) -> list[ResumableLoader]:
        return [
            each for each in tree_leaves(self._trainer.train_dataloader) if isinstance(each, ResumableLoader)
        ]

    def place_loaders(self) -> None:
        """Put our loaders where they were: Lightning does so within an epoch, but not at its end."""
        for loader, state in zip(self._resumable(), self._loaders, strict=False):
            loader.load_state_dict(state)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self._trainer.fit_loop.load_state_dict(state_dict["loop"])
        self._loaders = state_dict["loaders"]
        saved = zip(self._trainer.lr_scheduler_configs, state_dict["schedulers"], strict=True)
        for each, state in saved:
            each.scheduler.load_state_dict(state)


class ResumableLoader:
    """A loader that knows where it is: each epoch has an order of its own, found again by number.

    Args:
        loader: A torch DataLoader, or anything that yields the same batches each time it is begun. One
            that shuffles needs a generator of its own, which is seeded here for each epoch.
        seed: Of the order.
    """

    def __init__(self, loader: Any, *, seed: int = 0) -> None:
        self._loader, self._seed = loader, seed
        self._epoch, self._batch, self._skip, self._is_begun = 0, 0, 0, False

    def __len__(self) -> int:
        if not isinstance(self._loader, Sized):
            raise TypeError("This loader has no length.")
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        """Begin the next epoch, also where the last was left early; before a first batch none has begun."""
        if self._is_begun:
            self._next_epoch()
        return self._batches()

    def _next_epoch(self) -> None:
        self._epoch, self._batch, self._skip, self._is_begun = self._epoch + 1, 0, 0, False

    def _batches(self) -> Iterator[Any]:
        self._is_begun, self._batch = True, self._skip
        generator = getattr(self._loader, "generator", None)
        if isinstance(generator, torch.Generator):
            generator.manual_seed(self._seed * 1_000_003 + self._epoch)
        for number, batch in enumerate(self._loader):
            if number >= self._skip:
                self._batch = number + 1
                yield batch
        self._next_epoch()

    def state_dict(self) -> dict[str, int]:
        """Return the epoch and the batches of it that were given out; after its last, the next begins."""
        if isinstance(self._loader, Sized) and self._batch == len(self._loader):
            return {"epoch": self._epoch + 1, "batch": 0}
        return {"epoch": self._epoch, "batch": self._batch}

    def load_state_dict(self, state_dict: Mapping[str, int]) -> None:
        """Go on there when next begun."""
        self._epoch, self._skip, self._is_begun = state_dict["epoch"], state_dict["batch"], False


def _words(batch: Any) -> int:
    words = batch.get("input_ids") if isinstance(batch, Mapping) else None
    return words.numel() if isinstance(words, torch.Tensor) else 0
