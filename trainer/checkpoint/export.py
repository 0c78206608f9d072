"""Writes a checkpoint's weights as safetensors files with an index, as Hugging Face libraries load them.

The format is eight bytes of length (little-endian), that much JSON saying each tensor's dtype, shape and
offsets, then the raw bytes; we write it ourselves, tensor by tensor, and need no torch. Shards of a tensor
are put together; one that stands under two names is written under both.
Source: https://huggingface.co/docs/safetensors, Format.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import TrainerError
from .crypt import Keyring
from .durable import sync_folder
from .reading import Reader, Root, read_root
from .stores import Store

DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
    "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
ITEM_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}
FILE_BYTES = 5_000_000_000
ALIGN_BYTES = 8


class NotExportable(TrainerError):
    """A checkpoint whose weights cannot be written as safetensors."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a tensor as one rank stores it."""

    rank: int
    offset: int
    shape: tuple[int, ...]
    starts: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class _Tensor:
    name: str
    dtype: str  # As safetensors spells it.
    shape: tuple[int, ...]
    pieces: tuple[_Piece, ...]

    @property
    def bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * ITEM_BYTES.get(self.dtype, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written."""

    folder: str
    files: tuple[str, ...]
    tensors: int
    bytes: int


class _Plain:
    """The plain payload of one rank, read by range and verified block by block."""

    def __init__(self, reader: Reader, base: Reader | None) -> None:
        self._reader, self._base = reader, base
        self._starts = [0, *accumulate(block.bytes for block in reader.rank.payload)]
        self._held: tuple[int, bytearray] | None = None

    def read(self, start: int, size: int) -> bytes:
        """Return bytes of the payload."""
        parts, end = [], start + size
        while start < end:
            number = bisect_right(self._starts, start) - 1
            block = self._block(number)
            parts.append(bytes(block[start - self._starts[number] : end - self._starts[number]]))
            start = self._starts[number + 1]
        return b"".join(parts)

    def _block(self, number: int) -> bytearray:
        if self._held is None or self._held[0] != number:
            rank = self._reader.rank
            block = rank.payload[number]
            buffer, base = bytearray(block.bytes), None
            if block.codec == "d2z" and self._base is not None:
                base = memoryview(bytearray(block.bytes))
                self._base.read_into(len(self._base.rank.header) + number, base)
            self._reader.read_into(len(rank.header) + number, memoryview(buffer), base=base)
            self._held = number, buffer
        return self._held[1]


def export_safetensors(
    store: Store,
    generation: int,
    folder: Path | str,
    *,
    keyring: Keyring | None = None,
    file_bytes: int = FILE_BYTES,
) -> Exported:
    """Write a checkpoint's weights into a folder, with `model.safetensors.index.json`.

    Raises:
        BadManifest, BadBlock: The checkpoint is not right; no index was written.
        NotExportable: It holds a dtype or a tensor that the format does not know.
    """
    root = read_root(store, generation, keyring)
    readers, plains = _open(store, root, keyring)
    tensors = _tensors([json.loads(reader.read_header()) for reader in readers])
    files = list(_files(tensors, file_bytes))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weight_map: dict[str, str] = {}
    for number, some in enumerate(files, 1):
        name = (
            f"model-{number:05d}-of-{len(files):05d}.safetensors" if len(files) > 1 else "model.safetensors"
        )
        _write_file(folder / name, some, plains, root)
        weight_map |= {tensor.name: name for tensor in some}
    total = sum(tensor.bytes for tensor in tensors)
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    _write_whole(folder / "model.safetensors.index.json", [json.dumps(index, indent=2).encode() + b"\n"])
    names = tuple(sorted(set(weight_map.values())))
    return Exported(folder=str(folder), files=names, tensors=len(tensors), bytes=total)


def _open(store: Store, root: Root, keyring: Keyring | None) -> tuple[list[Reader], list[_Plain]]:
    readers = [Reader(store, root, entry) for entry in root.manifest.ranks]
    bases: list[Reader | None] = [None] * len(readers)
    if root.manifest.keyframe is not None:
        keyframe = read_root(store, root.manifest.keyframe.generation, keyring)
        bases = [Reader(store, keyframe, entry) for entry in keyframe.manifest.ranks]
    return readers, [_Plain(reader, base) for reader, base in zip(readers, bases, strict=True)]


def _tensors(headers: list[dict[str, Any]]) -> list[_Tensor]:
    pieces: dict[str, list[_Piece]] = {}
    for rank, header in enumerate(headers):
        for slot in header["tensors"]:
            if slot["offset_bytes"] is not None:
                starts = None if slot["starts"] is None else tuple(slot["starts"])
                piece = _Piece(rank, slot["offset_bytes"], tuple(slot["shape"]), starts)
                pieces.setdefault(slot["name"], []).append(piece)
    found: dict[str, _Tensor] = {}
    for header in headers:
        for name, value in header["state"]["model"].items():
            if isinstance(value, dict) and "$tensor" in value and name not in found:
                found[name] = _tensor(name, header["tensors"][value["$tensor"]], pieces)
    if not found:
        raise NotExportable("The checkpoint has no weights.", fix="Export one of tier F or W.")
    return [found[name] for name in sorted(found)]


def _tensor(name: str, slot: dict[str, Any], pieces: dict[str, list[_Piece]]) -> _Tensor:
    dtype = DTYPES.get(slot["dtype"])
    if dtype is None:
        raise NotExportable(f"{name} is of {slot['dtype']}, which safetensors lacks.", fix="Cast it first.")
    own = pieces.get(slot["name"], [])
    if slot["global_shape"] is None:
        return _Tensor(name, dtype, tuple(slot["shape"]), tuple(own[:1]))
    return _Tensor(name, dtype, tuple(slot["global_shape"]), tuple(own))


def _files(tensors: list[_Tensor], most_bytes: int) -> Iterator[list[_Tensor]]:
    some: list[_Tensor] = []
    for tensor in tensors:
        if some and sum(each.bytes for each in some) + tensor.bytes > most_bytes:
            yield some
            some = []
        some.append(tensor)
    yield some


def _write_file(path: Path, tensors: list[_Tensor], plains: list[_Plain], root: Root) -> None:
    metadata = {"format": "pt", "run_id": root.manifest.run_id, "step": str(root.manifest.step)}
    header: dict[str, Any] = {"__metadata__": {**metadata, "checkpoint_sha256": root.sha256}}
    at = 0
    for tensor in tensors:
        offsets = [at, at + tensor.bytes]
        header[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": offsets}
        at += tensor.bytes
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % ALIGN_BYTES)
    _write_whole(path, [len(raw).to_bytes(8, "little"), raw], (_content(each, plains) for each in tensors))


def _content(tensor: _Tensor, plains: list[_Plain]) -> bytes:
    """Return a tensor's bytes, put together from its shards."""
    size = ITEM_BYTES.get(tensor.dtype, 1)
    if len(tensor.pieces) == 1 and tensor.pieces[0].shape == tensor.shape:
        return plains[tensor.pieces[0].rank].read(tensor.pieces[0].offset, tensor.bytes)
    whole = np.zeros((*tensor.shape, size), dtype=np.uint8)
    filled = 0
    for piece in tensor.pieces:
        count = int(np.prod(piece.shape, dtype=np.int64))
        part = np.frombuffer(plains[piece.rank].read(piece.offset, count * size), dtype=np.uint8)
        place = tuple(slice(a, a + n) for a, n in zip(piece.starts or (), piece.shape, strict=True))
        whole[place] = part.reshape(*piece.shape, size)
        filled += count * size
    if filled < tensor.bytes:
        raise NotExportable(f"{tensor.name} is not there in full.", fix="Export another checkpoint.")
    return whole.tobytes()


def _write_whole(path: Path, head: list[bytes], content: Iterable[bytes] = ()) -> None:
    temporary = path.with_name(f"{path.name}.tmp")
    with open(temporary, "wb") as file:
        for part in head:
            file.write(part)
        for part in content:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)
