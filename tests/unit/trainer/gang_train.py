"""The bundled training on the ranks of a gang: some steps, from and to a checkpoint of plain files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from gang_work import load, save, tensors_of, whole

from trainer.checkpoint.boxes import ChunkAt
from trainer.loop import be_deterministic, learning_rate
from trainer.token_loop import Options, Training
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
