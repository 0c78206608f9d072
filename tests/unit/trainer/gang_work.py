"""What ranks do in tests; each function runs on every rank of a gang and returns plain JSON."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

from trainer.adamw import AdamW
from trainer.checkpoint.distributed import gaps, local_chunks, plan_reads

Tensors = list[tuple[str, torch.Tensor]]


class Uneven(nn.Module):
    """Dimensions that 2, 3 and 4 do not divide; of 3 rows four ranks get 1, 1, 1 and none."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(6, 10), nn.Linear(10, 3)
        self.norm = nn.LayerNorm(3)
        self.register_buffer("seen", torch.tensor(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.down(torch.relu(self.up(x))))


def trained(mesh: DeviceMesh | None, *, tensor_parallel: bool = False) -> tuple[Uneven, AdamW]:
    """Make the model under a layout and train it one step; always the same numbers."""
    torch.manual_seed(0)
    model = Uneven()
    if mesh is not None and tensor_parallel:
        plan = {"up": ColwiseParallel(), "down": RowwiseParallel()}
        parallelize_module(model, mesh["tp"], plan)
    if mesh is not None:
        fully_shard(model, mesh=mesh["dp"] if tensor_parallel else mesh)
    optimizer = AdamW(model)
    model(torch.linspace(-1, 1, 24).view(4, 6)).pow(2).sum().backward()
    optimizer.step()
    return model, optimizer


def tensors_of(model: nn.Module, optimizer: AdamW) -> Tensors:
    state = optimizer.state_dict()
    moments = [(f"{k}.{n}", t) for k in ("mean", "square") for n, t in state[k].items()]
    return [*model.state_dict().items(), *moments]


def save(tensors: Tensors, rank: int, ranks: int) -> tuple[list[Any], bytes]:
    """Return what this rank saves: chunks, and a payload that holds them."""
    saved, payload = [], b""
    for chunk in local_chunks(tensors, world_size=ranks):
        if chunk.saved_by == rank:
            saved.append(chunk.at(len(payload), rank))
            payload += chunk.tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    return saved, payload


def load(tensors: Tensors, rank: int, ranks: int, saved: list[Any], payloads: list[bytes]) -> int:
    """Read this rank's slices of what was saved into its live tensors; return the bytes read."""
    total = 0
    for chunk in local_chunks(tensors, world_size=ranks):
        room = torch.empty(chunk.tensor.shape, dtype=chunk.tensor.dtype)
        flat = memoryview(room.view(-1).view(torch.uint8).numpy())
        for read in plan_reads(saved, [chunk.at(0, rank)]):
            total += read.size
            for start, into, size in read.runs():
                flat[into : into + size] = payloads[read.rank][start : start + size]
        chunk.tensor.copy_(room)
    return total


def whole(tensors: Tensors) -> dict[str, torch.Tensor]:
    return {n: t.full_tensor() if isinstance(t, DTensor) else t.clone() for n, t in tensors}


def forget(tensors: Tensors) -> None:
    with torch.no_grad():
        for _, tensor in tensors:
            (tensor.to_local() if isinstance(tensor, DTensor) else tensor).fill_(7)


def gathered(value: Any, ranks: int) -> list[Any]:
    """Return every rank's value on the first `ranks` ranks; all ranks take part."""
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values[:ranks]


def reshard_every_pair(rank: int, world_size: int) -> dict[str, Any]:
    """Save on each number of ranks, restore on each other; say where the whole came back otherwise."""
    meshes = {n: DeviceMesh("cpu", list(range(n))) for n in range(1, world_size + 1)}
    states = {n: tensors_of(*trained(mesh)) for n, mesh in meshes.items() if rank < n}
    wrong, bytes_read = [], {}
    for there in meshes:
        mine: Any = ([], b"", [])
        expected = {}
        if rank < there:
            tensors = states[there]
            mine, expected = (*save(tensors, rank, there), [n for n, _ in tensors]), whole(tensors)
        parts = gathered(mine, there)
        [expected] = gathered(expected, 1)
        saved, payloads = [c for part in parts for c in part[0]], [part[1] for part in parts]
        if gaps(saved) or {c.name for c in saved} != set(parts[0][2]):
            wrong.append(f"{there} ranks saved less than everything")
        for here, tensors in states.items():
            forget(tensors)
            bytes_read[f"{there}>{here}"] = load(tensors, rank, here, saved, payloads)
            back = whole(tensors)
            wrong += [f"{there}>{here} {n}" for n, t in back.items() if not torch.equal(t, expected[n])]
    return {"wrong": wrong, "bytes_read": bytes_read}


def reshard_layouts(rank: int, world_size: int) -> list[str]:
    """Go round FSDP2 with tensor parallelism, HSDP, plain FSDP2 and 2-D shards; say what came back wrong."""
    square = init_device_mesh("cpu", (2, 2), mesh_dim_names=("dp", "tp"))
    flat = init_device_mesh("cpu", (4,))
    number = torch.arange(77, dtype=torch.float32).view(7, 11)
    kinds = [[Shard(0), Shard(1)], [Shard(1), Shard(0)], [Replicate(), Shard(1)], [Shard(0), Shard(0)]]
    layouts: list[Tensors] = [[("n", distribute_tensor(number.clone(), square, kind))] for kind in kinds]
    layouts.append([("n", distribute_tensor(number.clone(), flat, [Shard(1)]))])
    models = [
        tensors_of(*trained(square, tensor_parallel=True)),
        tensors_of(*trained(square)),  # HSDP: replicas over the first dimension.
        tensors_of(*trained(flat)),
    ]
    wrong = []
    for group in (layouts, models):
        expected = [whole(tensors) for tensors in group]
        for i, tensors in enumerate(group):
            parts = gathered(save(tensors, rank, world_size), world_size)
            saved, payloads = [c for part in parts for c in part[0]], [part[1] for part in parts]
            wrong += [f"layout {i} lacks {name}" for name in gaps(saved)]
            for j, other in enumerate(group):
                forget(other)
                load(other, rank, world_size, saved, payloads)
                back = whole(other)
                wrong += [f"{i}>{j} {n}" for n, t in back.items() if not torch.equal(t, expected[i][n])]
                chunks, payload = save(list(expected[j].items()), 0, 1)  # As one rank would have saved it.
                load(other, rank, world_size, chunks, [payload])
    return wrong


def share_the_writing(rank: int, world_size: int) -> int:
    """Return how many bytes this rank writes of a model that every rank holds whole."""
    model = nn.Sequential(*(nn.Linear(16, 16) for _ in range(8)))
    return len(save(list(model.state_dict().items()), rank, world_size)[1])
