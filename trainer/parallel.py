"""How a model lies on the ranks, and how their gradients become one.

`alone`     one process.
`ddp`       every rank holds all of it; gradients are added by an all-reduce after the last micro-batch.
`fsdp`      every rank holds a slice of each tensor (FSDP2, `fully_shard`); gradients are reduce-scattered.

The gradient of a step is the mean over its micro-batches: each rank adds its own in the order it computes
them, then the ranks' sums are added in the order of the backend's algorithm, which the number of ranks
and the fixed buckets below decide. So one world size gives the same bits each time; another rounds
differently, no more. (torch's DistributedDataParallel regroups its buckets after the first step: on three
ranks or more, a run that restarted would round differently from one that did not. Hence buckets of our
own.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Protocol

import torch
from torch import nn

from .errors import PlanError
from .world import World

LayoutWord = Literal["auto", "ddp", "fsdp"]
PrecisionWord = Literal["fp32", "bf16"]
BUCKET_BYTES = 64 << 20


class Layout(Protocol):
    """What the loop asks of a layout."""

    def begin(self, *, is_last: bool) -> None:
        """A micro-batch begins; the gradients are wanted after the last."""

    def add_up(self) -> None:
        """Make the gradients of all ranks one, after the last micro-batch's backward pass."""


def lay_out(model: nn.Module, world: World, word: LayoutWord, precision: PrecisionWord) -> Layout:
    """Put a model that is the same on every rank under a layout.

    Raises:
        PlanError: FSDP is asked for outside of torchrun.
    """
    model.to(world.device)
    if word == "fsdp":
        if world.store is None:
            raise PlanError("--parallel fsdp needs ranks to shard over.", fix="Start it with torchrun.")
        return Sharded(model, world, precision)
    return Replicated(model, world) if world.size > 1 else Alone()


class Alone:
    """One process: nothing to do."""

    def begin(self, *, is_last: bool) -> None:
        """Nothing."""

    def add_up(self) -> None:
        """Nothing."""


class Replicated:
    """Every rank holds the whole model."""

    def __init__(self, model: nn.Module, world: World) -> None:
        self._buckets = list(_buckets([p for p in model.parameters() if p.requires_grad]))
        self._size = world.size

    def begin(self, *, is_last: bool) -> None:
        """Nothing: gradients are added up once per step."""

    @torch.no_grad()
    def add_up(self) -> None:
        """Replace each gradient by the mean of all ranks'."""
        for bucket in self._buckets:
            gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in bucket]
            flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
            torch.distributed.all_reduce(flat)
            flat /= self._size
            for p, mean in zip(bucket, torch.split(flat, [p.numel() for p in bucket]), strict=True):
                p.grad = mean.view_as(p)


def _buckets(parameters: list[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Yield neighbours of one dtype, up to a bucket's size; the same on every rank and at every start."""
    bucket: list[nn.Parameter] = []
    for p in parameters:
        full = sum(q.numel() * q.element_size() for q in bucket) + p.numel() * p.element_size() > BUCKET_BYTES
        if bucket and (full or p.dtype != bucket[0].dtype):
            yield bucket
            bucket = []
        bucket.append(p)
    if bucket:
        yield bucket


class Sharded:
    """Every rank holds a slice of each tensor."""

    def __init__(self, model: nn.Module, world: World, precision: PrecisionWord) -> None:
        from torch.distributed.device_mesh import init_device_mesh  # Two seconds that others need not wait.
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

        mesh = init_device_mesh(world.device.type, (world.size,))
        bf16 = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
        policy = bf16 if precision == "bf16" else MixedPrecisionPolicy()
        for block in _blocks(model):
            fully_shard(block, mesh=mesh, mp_policy=policy)
        self._model: Any = fully_shard(model, mesh=mesh, mp_policy=policy)

    def begin(self, *, is_last: bool) -> None:
        """Reduce the gradients after the last micro-batch only."""
        self._model.set_requires_gradient_sync(is_last)

    def add_up(self) -> None:
        """Nothing: the backward pass has done it."""


def _blocks(model: nn.Module) -> Iterator[nn.Module]:
    """Yield the layers that are gathered one at a time."""
    yield from getattr(model, "blocks", ())
