"""The bundled training on the ranks of a gang: some steps, from and to a checkpoint of plain files."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gang_work import load, save, tensors_of, whole

from trainer.checkpoint.boxes import ChunkAt
from trainer.checkpoint.weights import weights_sha256
from trainer.data import write_text
from trainer.gpt import SIZES
from trainer.loop import be_deterministic, learning_rate
from trainer.regional import FirstRankMeets, GroupExchange, OuterStep
from trainer.rounds import StoreExchange
from trainer.token_loop import Options, TextSamples, Training
from trainer.world import World


def train(
    rank: int,
    world_size: int,
    *,
    first: int = 0,
    until: int,
    came_from: str | None = None,
    goes_to: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Train steps first … until - 1; return the losses and the hash of the weights."""
    be_deterministic(0, 1)
    torch.rand(rank + first)  # Whatever was drawn before must not matter.
    store = torch.distributed.distributed_c10d._get_default_store()
    world = World(rank=rank, size=world_size, store=store)
    be_deterministic(0, 1)
    training = Training(Options(**{"size": "nano", "seed": 0, "steps": 12, **options}), world)
    tensors = tensors_of(training.model, training.optimizer)
    if came_from:
        _restore(training, tensors, rank, world_size, Path(came_from))
    losses = [training.step(learning_rate(step, 12)) for step in range(first, until)]
    if goes_to:
        _save(training, tensors, rank, world_size, Path(goes_to))
    digest = hashlib.sha256()
    for name, tensor in sorted(whole(list(training.model.state_dict().items())).items()):
        digest.update(name.encode() + tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return {"losses": losses, "weights": digest.hexdigest(), "next": training.loader.next_sample}


def _save(training: Training, tensors: Any, rank: int, ranks: int, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    chunks, payload = save(tensors, rank, ranks)
    state = {"data": training.loader.state_dict(), "steps": training.optimizer.state_dict()["steps"]}
    (folder / f"{rank}.json").write_text(json.dumps({**state, "chunks": [asdict(c) for c in chunks]}))
    (folder / f"{rank}.bin").write_bytes(payload)


def _restore(training: Training, tensors: Any, rank: int, ranks: int, folder: Path) -> None:
    stored = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    chunks = [ChunkAt(**{k: tuple(v) if isinstance(v, list) else v for k, v in chunk.items()})
              for part in stored for chunk in part["chunks"]]  # fmt: skip
    load(tensors, rank, ranks, chunks, [path.read_bytes() for path in sorted(folder.glob("*.bin"))])
    training.loader.load_state_dict(stored[0]["data"])
    for count in training.optimizer._steps:
        count.fill_(stored[0]["steps"])


def unequal(rank: int, world_size: int) -> str:
    """Return what is said where the batch does not divide."""
    try:
        Training(Options(size="nano", seed=0, steps=1, global_batch=4), World(rank=rank, size=world_size))
    except Exception as refusal:
        return str(refusal)
    return "nothing"


class Folder:
    """A store that several processes share."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    def create(self, key: str, data: bytes) -> bool:
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.write_bytes(data)
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        return True

    def head(self, key: str) -> object | None:
        return key if (self._root / key).exists() else None

    def read(self, key: str) -> bytes:
        return (self._root / key).read_bytes()


def regional(
    rank: int,
    world_size: int,
    *,
    steps: int,
    every_steps: int,
    folder: str | None = None,
    lost_at: int | None = None,
    patience_s: float = 60,
    seed: int = 0,
    size: str = "nano",
    lr: float = 0.7,
) -> dict[str, Any]:
    """Train as one region, each rank on text of its own; return the loss on text that none has seen."""
    be_deterministic(seed, 1)
    names = tuple(f"region_{number}" for number in range(world_size))
    options = Options(size=size, seed=rank + 1 + 100 * seed, steps=steps, global_batch=4, micro_batch=4)
    training = Training(options, World())
    exchange: Any = GroupExchange(World(rank=rank, size=world_size))
    if folder:
        exchange = StoreExchange(Folder(folder), names[rank], names, patience_s=patience_s, poll_s=0.01)
    outer = OuterStep(training.model, exchange, every_steps=every_steps, lr=lr)
    for step in range(steps):
        training.step(learning_rate(step, steps))
        if rank == world_size - 1 and step == lost_at:
            return {"lost": True}
        outer.after_step()
    return {"loss": unseen_loss(training), "regions": outer.regions, "rounds": outer.round_number}


def one_region_of_many_ranks(rank: int, world_size: int, *, folder: str) -> dict[str, Any]:
    """Train one region on several ranks; rank 0 alone sees the store."""
    be_deterministic(0, 1)
    world = World(rank=rank, size=world_size, store=True)
    training = Training(Options(size="nano", seed=0, steps=9, global_batch=4), world)
    store: Any = Folder(folder) if rank == 0 else None
    meet = StoreExchange(store, "here", ("here", "there"), patience_s=0.05, poll_s=0.01)
    outer = OuterStep(training.model, FirstRankMeets(meet, world), every_steps=3)
    for step in range(9):
        training.step(learning_rate(step, 9))
        outer.after_step()
    return {"weights": weights_sha256(training.model), "regions": outer.regions, "rounds": outer.round_number}


def together(
    rank: int, world_size: int, *, steps: int, regions: int, seed: int = 0, size: str = "nano"
) -> dict[str, Any]:
    """Train on all regions' text at once, a batch as large as theirs together, in one place."""
    be_deterministic(seed, 1)
    options = Options(size=size, seed=1, steps=steps, global_batch=4 * regions, micro_batch=4)
    training = Training(
        options, World(), text=b"\n".join(write_text(n + 1 + 100 * seed) for n in range(regions))
    )
    for step in range(steps):
        training.step(learning_rate(step, steps))
    return {"loss": unseen_loss(training)}


@torch.no_grad()
def unseen_loss(training: Training) -> float:
    training.model.eval()
    context = SIZES[training.config["size"]].context
    unseen = TextSamples(write_text(9999, 400), context)
    return training.model.loss(torch.from_numpy(unseen.read(np.arange(len(unseen))))).item()
