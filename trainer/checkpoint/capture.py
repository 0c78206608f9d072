"""What makes a training run go on exactly where it stood: gathered, and laid out to be copied.

Model, optimizer, scheduler, scaler, data cursor, the random generators of Python, numpy and torch, the
step, and the configuration they belong to: a JSON header and one stretch of raw tensor bytes. Nothing here
touches a file, and nothing is pickled.

Parameters and moments change only in `optimizer.step()`, so they may be copied while the next forward and
backward pass runs; whatever else may change at any time (buffers, generators, counters) is copied at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch

from ..errors import OtherTraining
from .arena import Arena, TensorSlot, place
from .generators import random_state
from .saves import CaptureRung as Rung
from .tree import Tensors, encode, is_sharded, local_of, refuse_not_json

HEADER_VERSION = 2
SMALL_ELEMENTS = 1 << 10  # Copied at once: not worth a thread.


class Stateful(Protocol):
    """A part of the training that can tell and take back its state, as torch's own parts do."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state as tensors and plain values."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Take a state back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """The state after `step` steps, laid out in the arena. `late` is yet to be copied: see `copy`."""

    step: int
    rung: Rung
    header: bytes
    payload_bytes: int
    cuts: tuple[int, ...]  # Where a new block begins.
    late: list[tuple[torch.Tensor, torch.Tensor]]  # Views in the arena, and what belongs there.

    @property
    def bytes(self) -> int:
        """Size of the whole."""
        return self.payload_bytes + len(self.header)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the tensors of one rung go."""

    slots: list[TensorSlot]
    cuts: tuple[int, ...]
    end: int
    text: str  # The slots as JSON.
    late: frozenset[int]  # Numbers of those that may be copied beside the next forward and backward pass.


class TrainingState:
    """The parts of one training run.

    Args:
        parts: By name: "optimizer", "data", "scheduler", "scaler", or what else has a state; None is none.
        config: Plain JSON that must not change between two starts.
        rank, world_size: Which part of the run this process is.
    """

    def __init__(
        self,
        *,
        model: torch.nn.Module,
        parts: Mapping[str, Stateful | None],
        config: dict[str, Any],
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        refuse_not_json(config)
        self.model, self.config = model, config
        self.parts = {name: part for name, part in parts.items() if part is not None}
        self.rank, self.world_size = rank, world_size
        self._layouts: dict[tuple[object, ...], Layout] = {}
        self.config_digest = _digest(model, self.parts.get("optimizer"), config)

    def gather(self, rung: Rung = "exact") -> tuple[dict[str, Any], Tensors]:
        """Return the state as JSON, and the tensors in it; no optimizer where a rung leaves it out."""
        tensors = Tensors()
        state: dict[str, Any] = {"model": encode(self.model.state_dict(), tensors, "model")}
        for name, part in self.parts.items():
            left_out = rung == "bf16_weights" and name == "optimizer"
            state[name] = None if left_out else encode(part.state_dict(), tensors, name)
        state["random"] = encode(random_state(), tensors, "random")
        return state, tensors

    def capture(self, step: int, arena: Arena, rung: Rung = "exact") -> Captured:
        """Lay the state as it is now out in the arena, and copy what cannot wait."""
        state, tensors = self.gather(rung)
        layout = self._layout(tensors, rung)
        head = {"header_version": HEADER_VERSION, "step": step, "rung": rung, "config": self.config}
        raw = f'{_json(head)[:-1]},"tensors":{layout.text},"state":{_json(state)}}}'.encode()
        arena.reserve(layout.end + len(raw))
        arena.put(layout.end, raw)
        return Captured(
            step=step,
            rung=rung,
            header=raw,
            payload_bytes=layout.end,
            cuts=layout.cuts,
            late=_copy_what_cannot_wait(tensors, layout, arena),
        )

    def size(self, rung: Rung) -> int:
        """Return how many bytes of tensors this rank would save."""
        tensors = self.gather(rung)[1]
        return self._layout(tensors, rung).end

    def _layout(self, tensors: Tensors, rung: Rung) -> Layout:
        """Return where each tensor goes; worked out anew only where one came, went or changed its shape."""
        key = rung, tuple((name, tensor.dtype, tensor.shape) for name, tensor in tensors.items)
        if key not in self._layouts:
            slots, cuts, end = place(self._slots(tensors, rung), self._frozen(tensors))
            self._layouts = {kept: each for kept, each in self._layouts.items() if kept[0] != rung}
            self._layouts[key] = Layout(
                slots=slots,
                cuts=tuple(sorted(set(cuts))),
                end=end,
                text=_json([asdict(slot) for slot in slots]),
                late=frozenset(self._may_wait(tensors)),
            )
        return self._layouts[key]

    def _may_wait(self, tensors: Tensors) -> Iterator[int]:
        """Yield the numbers of the parameters and of the optimizer's moments."""
        parameters = {local_of(p).data_ptr() for p in self.model.parameters()}
        for number, (name, tensor) in enumerate(tensors.items):
            source = local_of(tensor)
            moment = name.startswith("optimizer.") and source.numel() > SMALL_ELEMENTS
            if moment or source.data_ptr() in parameters:
                yield number

    def _slots(self, tensors: Tensors, rung: Rung) -> list[TensorSlot]:
        """Return a slot for every tensor; without an offset where another rank stores it."""
        chunks = {} if self.world_size == 1 else self._chunks(tensors)
        slots = []
        for name, tensor in tensors.items:
            live = str(tensor.dtype).removeprefix("torch.")
            dtype = "bfloat16" if _gives_up_precision(name, tensor, rung) else live
            chunk = chunks.get(name)
            ours = chunk is None or chunk.saved_by == self.rank
            whole: tuple[tuple[int, ...] | None, ...] = (None, None)
            if chunk is not None and is_sharded(tensor):
                whole = chunk.global_shape, chunk.starts
            shape = tuple(local_of(tensor).shape)
            slots.append(TensorSlot(name, dtype, shape, 0 if ours else None, live, *whole))
        return slots

    def _chunks(self, tensors: Tensors) -> dict[str, Any]:
        """Return who holds and who stores what all ranks share; each keeps its generators and its data."""
        from .distributed import local_chunks

        shared = [(name, tensor) for name, tensor in tensors.items if not _is_own(name)]
        return {chunk.name: chunk for chunk in local_chunks(shared, world_size=self.world_size)}

    def _frozen(self, tensors: Tensors) -> set[int]:
        still = {local_of(p).data_ptr() for p in self.model.parameters() if not p.requires_grad and p.numel()}
        return {
            number for number, (_, each) in enumerate(tensors.items) if local_of(each).data_ptr() in still
        }

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


def _copy_what_cannot_wait(
    tensors: Tensors, layout: Layout, arena: Arena
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Copy at once what may change at any time; return what is left, views and sources."""
    late = []
    for number, view in enumerate(arena.views(layout.slots)):
        if view is None:
            continue
        source = local_of(tensors.items[number][1])
        if number in layout.late:
            late.append((view, source))
        else:
            view.copy_(source)
    return late


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def copy(captured: Captured) -> None:
    """Copy what was left for later."""
    with torch.no_grad():
        for view, source in captured.late:
            view.copy_(source)


def _gives_up_precision(name: str, tensor: torch.Tensor, rung: Rung) -> bool:
    if rung == "exact" or not tensor.is_floating_point() or tensor.element_size() <= 2:
        return False
    if rung == "bf16_weights":
        return name.startswith("model.")
    return name.startswith("optimizer.") and tensor.numel() > SMALL_ELEMENTS


def _is_own(name: str) -> bool:
    """Each rank has its own generators and its own place in the data."""
    return name.startswith(("random", "data"))


def _digest(model: torch.nn.Module, optimizer: Stateful | None, config: dict[str, Any]) -> str:
    """SHA-256 over the configuration, the kind of optimizer, and the model's names, dtypes and shapes."""
    state = model.state_dict().items()
    shapes = {name: [str(t.dtype), list(t.shape)] for name, t in state if isinstance(t, torch.Tensor)}
    identity = [config, type(optimizer).__name__, shapes]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def join_before(optimizer: Stateful, join: Callable[[], None]) -> Callable[[], None] | None:
    """Have a copy joined before each step of the optimizer; return what ends that, or None: no hook."""
    register = getattr(optimizer, "register_step_pre_hook", None)
    if register is None:
        return None
    handle = register(lambda *_: join())
    return getattr(handle, "remove", lambda: None)  # Not every optimizer of one's own has a handle.
