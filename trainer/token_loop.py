"""The bundled training on token data and on several ranks; `loop` is its plain sibling, on text of its own.

Each step trains on the next global batch, whatever the number of ranks. Dropout is drawn per micro-batch,
from the seed and the micro-batch's number, so it too is the same on any number of ranks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from .adamw import AdamW, clip_gradients
from .checkpoint.ranks import Together
from .clock import Clock
from .data import write_text
from .gpt import SIZES, Gpt, GptSize
from .loader import BatchShare, Loader, MicroBatch
from .loop import be_deterministic, learning_rate, show_progress
from .notice import NoticeWatch
from .parallel import Layout, LayoutWord, PrecisionWord, lay_out
from .plan import Plan
from .regional import Parts
from .regions import RegionOptions, outer_step_of
from .runlog import Phase, RunLog
from .session import SpotSession
from .tokens import TokenSamples
from .world import DeviceWord, World, joined

MOST_GRADIENT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to train, and how it is cut up. None takes the size's own."""

    size: str
    seed: int
    steps: int
    data: str | None = None  # Folder of token data; without it, the text of `data.write_text`.
    global_batch: int | None = None
    micro_batch: int | None = None
    parallel: LayoutWord = "auto"
    precision: PrecisionWord = "fp32"
    device: DeviceWord = "auto"
    region: RegionOptions | None = None


def train_tokens(
    plan: Plan,
    options: Options,
    *,
    threads: int,
    log: RunLog,
    clock: Clock,
    notice: NoticeWatch,
    phase: Phase,
) -> None:
    """Train to `options.steps` steps in all, as one rank of however many there are.

    Raises:
        PlanError: The options cannot be followed here.
        RankFailed: Another rank was lost.
        TrainerError: As SpotSession.
    """
    with joined(options.device) as world:
        be_deterministic(options.seed, threads)
        training = Training(options, world)
        among = _among(world)
        region, outer = options.region, None
        if region is not None:
            outer = outer_step_of(
                training.model, region, world, options.steps, lambda: notice.heard() is not None
            )
        session = SpotSession(
            plan,
            model=training.model,
            optimizer=training.optimizer,
            data=Parts(loader=training.loader, outer=outer) if outer else training.loader,
            config=training.config,
            log=log,
            clock=clock,
            notice=notice,
            phase=phase,
            **among,
        )
        with session, _giving_up_with(among.get("ranks")):
            for step in session.steps(options.steps, planned=outer is None):  # Regions share them.
                at = outer.steps_of_all if outer else step
                loss = training.step(learning_rate(at, options.steps) * session.lr_factor)
                if outer:
                    outer.after_step()
                session.tick(loss=loss, tokens=training.tokens_per_step)
                if world.rank == 0:
                    show_progress(at + 1, options.steps, loss)
                if outer and outer.steps_of_all >= options.steps:
                    break  # We were away, and the others have done the rest.


@contextmanager
def _giving_up_with(ranks: Any) -> Iterator[None]:
    """Have a save on its way not wait for ranks that training has just lost."""
    try:
        yield
    except RuntimeError:
        if hasattr(ranks, "give_up"):
            ranks.give_up()
        raise


def _among(world: World) -> dict[str, Any]:
    """Return what a session of several ranks is told beside what one process's is."""
    if world.size == 1:
        return {}
    return {"ranks": Together(world.store, world.rank, world.size, world.life)}


class Samples(Protocol):
    """Tokens by sample number."""

    def __len__(self) -> int: ...

    def read(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the tokens of these samples, shape (B, context + 1)."""


class TextSamples:
    """The text the package makes itself, one token per byte."""

    def __init__(self, text: bytes, context: int) -> None:
        count = (len(text) - 1) // context
        tokens_N = np.frombuffer(text, dtype=np.uint8)
        self._tokens_NT = np.stack([tokens_N[i * context : (i + 1) * context + 1] for i in range(count)])

    def __len__(self) -> int:
        return len(self._tokens_NT)

    def read(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the tokens of these samples, shape (B, T)."""
        return self._tokens_NT[samples].astype(np.int64)


class Training:
    """Model, optimizer, data cursor and layout of one rank; `step` trains on one global batch.

    Args:
        text: What to train on where the options name no data; by default text made from the seed.
    """

    def __init__(self, options: Options, world: World, text: bytes | None = None) -> None:
        size = SIZES[options.size]
        self._options, self._world = options, world
        self._samples, data_name, vocabulary = _open(options, size, text)
        shape = replace(size, vocabulary=vocabulary)
        share = BatchShare(
            global_batch=options.global_batch or size.batch,
            micro_batch=options.micro_batch or size.micro_batch,
            rank=world.rank,
            world_size=world.size,
        )
        self.loader = Loader(len(self._samples), seed=options.seed, share=share)
        self.model = Gpt(shape)
        self._layout: Layout = lay_out(self.model, world, options.parallel, options.precision)
        self.optimizer = AdamW(self.model)
        self.tokens_per_step = share.global_batch * shape.context
        self.config = {
            "size": options.size,
            "seed": options.seed,
            "steps": options.steps,
            "data": data_name,
            "global_batch": share.global_batch,
            "precision": options.precision,
            **(options.region.config if options.region else {}),
        }

    def step(self, rate: float) -> float:
        """Train on the next global batch; return its mean loss, the same on every rank."""
        batches = self.loader.step()
        total = torch.zeros((), device=self._world.device)
        for number, batch in enumerate(batches):
            self._layout.begin(is_last=number == len(batches) - 1)
            loss = self._loss(batch) / len(batches)
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        self._layout.add_up()
        self.optimizer.lr = rate
        clip_gradients(self.model, MOST_GRADIENT)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return self._world.mean(total.item())

    def _loss(self, batch: MicroBatch) -> torch.Tensor:
        torch.manual_seed(_draw(self._options.seed, batch.number))
        tokens_BT = torch.from_numpy(self._samples.read(batch.samples)).to(self._world.device)
        with torch.autocast(
            self._world.device.type, dtype=torch.bfloat16, enabled=self._options.precision == "bf16"
        ):
            return self.model.loss(tokens_BT)


def _open(options: Options, size: GptSize, text: bytes | None) -> tuple[Samples, str, int]:
    """Return the samples, the name of the data, and its vocabulary."""
    if options.data is None:
        return TextSamples(text or write_text(options.seed), size.context), "text", size.vocabulary
    found = TokenSamples(options.data, size.context)
    return found, found.index.sha256, found.index.vocabulary


def _draw(seed: int, number: int) -> int:
    """Return the seed of one micro-batch's dropout."""
    digest = hashlib.blake2b(f"{seed} {number}".encode(), digest_size=8, person=b"lowtide dropout")
    return int.from_bytes(digest.digest(), "little") >> 1
