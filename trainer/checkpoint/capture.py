"""What makes a training run go on exactly where it stood: gathered into bytes, and put back.

Model, optimizer, data cursor, the random generators of Python, numpy and torch, the step, and
the configuration they belong to. Captured into a JSON header and one stretch of raw tensor
bytes; nothing here touches a file, and nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch

from ..errors import OtherTraining
from .arena import Arena, TensorSlot
from .tree import decode, encode

HEADER_VERSION = 1


class Stateful(Protocol):
    """A part of the training that can tell and take back its state, as torch's own parts do."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state as tensors and plain values."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Take a state back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state after `step` steps. `payload` is borrowed from the arena until the next capture."""

    step: int
    config_digest: str
    header: bytes
    payload: memoryview

    @property
    def bytes(self) -> int:
        """Size of the whole snapshot."""
        return len(self.header) + len(self.payload)


class TrainingState:
    """The parts of one training run; `config` is plain JSON that must not change between two starts."""

    def __init__(
        self, *, model: torch.nn.Module, optimizer: Stateful, data: Stateful | None, config: dict[str, Any]
    ) -> None:
        self.model, self.optimizer, self.data, self.config = model, optimizer, data, config
        self.config_digest = _digest(model, optimizer, config)

    def capture(self, step: int, arena: Arena) -> Snapshot:
        """Return the state as it is now, copied into the arena."""
        tensors: list[tuple[str, torch.Tensor]] = []
        state = {
            "model": encode(self.model.state_dict(), tensors, "model"),
            "optimizer": encode(self.optimizer.state_dict(), tensors, "optimizer"),
            "data": None if self.data is None else encode(self.data.state_dict(), tensors, "data"),
            "random": encode(random_state(), tensors, "random"),
        }
        header = {
            "header_version": HEADER_VERSION,
            "step": step,
            "config": self.config,
            "tensors": [asdict(slot) for slot in arena.copy_in(tensors)],
            "state": state,
        }
        return Snapshot(
            step=step,
            config_digest=self.config_digest,
            header=json.dumps(header, separators=(",", ":"), allow_nan=False).encode(),
            payload=arena.memory,
        )

    def apply(self, header: dict[str, Any], arena: Arena) -> None:
        """Put a captured state back; the arena holds its tensors."""
        state = {part: decode(value, arena.views) for part, value in header["state"].items()}
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.data is not None:
            self.data.load_state_dict(state["data"])
        set_random_state(state["random"])

    def refuse_other(self, config_digest: str, header: dict[str, Any]) -> None:
        """Raise OtherTraining where a checkpoint belongs to another configuration or model."""
        if config_digest == self.config_digest:
            return
        then = header["config"]
        changed = [name for name in {**then, **self.config} if then.get(name) != self.config.get(name)]
        words = [f"{name} was {then.get(name)}, now {self.config.get(name)}" for name in changed]
        words = words or ["the model has other parameters, or another optimizer trains it"]
        raise OtherTraining(
            f"The checkpoint is of another training: {'; '.join(words)}.",
            fix="Start with the former configuration, or name another stores.local_dir in the plan.",
        )


def _digest(model: torch.nn.Module, optimizer: Stateful, config: dict[str, Any]) -> str:
    """SHA-256 over the configuration, the kind of optimizer, and the model's names, dtypes and shapes."""
    state = model.state_dict().items()
    shapes = {name: [str(t.dtype), list(t.shape)] for name, t in state if isinstance(t, torch.Tensor)}
    identity = [config, type(optimizer).__name__, shapes]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def slots_of(header: dict[str, Any]) -> tuple[TensorSlot, ...]:
    """Return where each tensor lies, as a header says it."""
    return tuple(TensorSlot(**{**slot, "shape": tuple(slot["shape"])}) for slot in header["tensors"])


def random_state() -> dict[str, Any]:
    """Return the state of every global random generator."""
    numpy_state: dict[str, Any] = np.random.get_state(legacy=False)
    key = numpy_state["state"]["key"].tolist()
    return {
        "python": random.getstate(),
        "numpy": {**numpy_state, "state": {**numpy_state["state"], "key": key}},
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],  # type: ignore[no-untyped-call]
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Set every global random generator as `random_state` found it."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])


def weights_sha256(model: torch.nn.Module) -> str:
    """Return SHA-256 over the parameters, sorted by name: each name, then its raw little-endian bytes."""
    digest = hashlib.sha256()
    for name, parameter in sorted(model.named_parameters()):
        digest.update(name.encode())
        flat = parameter.detach().cpu().contiguous().view(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
