"""The metadata of torch's distributed checkpoints as JSON: theirs is a pickle, which runs code when read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch
from torch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    TensorProperties,
    TensorStorageMetadata,
)

from .arena import dtype_of
from .manifest import BadManifest


@dataclass(frozen=True, slots=True)
class Stored:
    """Where one item lies: in which rank's payload, from which byte, how many."""

    rank: int
    start: int
    bytes: int


def to_json(metadata: Metadata, stored: dict[MetadataIndex, Stored]) -> bytes:
    """Return what a load has to know."""
    items = [
        [at.fqn, _ints(at.offset), at.index, each.rank, each.start, each.bytes] for at, each in stored.items()
    ]
    tensors = {name: _told(each) for name, each in metadata.state_dict_metadata.items()}
    paths = {name: list(path) for name, path in (metadata.planner_data or {}).items()}
    return json.dumps({"tensors": tensors, "paths": paths, "items": items}, separators=(",", ":")).encode()


def from_json(raw: bytes) -> Metadata:
    """Return the metadata; `storage_data` maps each index to a `Stored`.

    Raises:
        BadManifest: It is not what `to_json` writes.
    """
    try:
        told = json.loads(raw)
        stored = {
            MetadataIndex(name, None if offset is None else torch.Size(offset), index): Stored(*where)
            for name, offset, index, *where in told["items"]
        }
        return Metadata(
            state_dict_metadata={name: _read(each) for name, each in told["tensors"].items()},
            planner_data={name: tuple(path) for name, path in told["paths"].items()},
            storage_data=stored,
        )
    except (ValueError, KeyError, TypeError) as trouble:
        raise BadManifest(f"The metadata is not ours: {trouble}.", fix="Take an older checkpoint.") from None


def _told(each: TensorStorageMetadata | BytesStorageMetadata) -> dict[str, Any] | None:
    if isinstance(each, BytesStorageMetadata):
        return None
    return {
        "dtype": str(each.properties.dtype).removeprefix("torch."),
        "requires_grad": each.properties.requires_grad,
        "size": list(each.size),
        "chunks": [[list(chunk.offsets), list(chunk.sizes)] for chunk in each.chunks],
    }


def _read(told: dict[str, Any] | None) -> TensorStorageMetadata | BytesStorageMetadata:
    if told is None:
        return BytesStorageMetadata()
    return TensorStorageMetadata(
        properties=TensorProperties(dtype=dtype_of(told["dtype"]), requires_grad=told["requires_grad"]),
        size=torch.Size(told["size"]),
        chunks=[ChunkStorageMetadata(torch.Size(at), torch.Size(size)) for at, size in told["chunks"]],
    )


def _ints(offset: torch.Size | None) -> list[int] | None:
    return None if offset is None else list(offset)
