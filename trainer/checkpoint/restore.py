"""Finds the newest checkpoint that verifies, block by block, and lists what there is.

"No checkpoint yet" means step 0. "Checkpoints exist and none is valid" never does: it is an
error, because going on from nothing would throw work away in silence. What does not verify is
put aside with its reason, and the one before it is taken.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import NoValidCheckpoint, OtherTraining
from .arena import Arena
from .capture import slots_of
from .chunks import BadBlock, Block
from .folder import Checkpoint, CheckpointFolder
from .manifest import BadManifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Restorable:
    """A verified checkpoint, its tensors in the arena."""

    checkpoint: Checkpoint
    header: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRow:
    """One generation as a listing shows it. Unknown fields of an unreadable manifest are None."""

    generation: int
    valid: bool
    reason: str | None  # Why it is not valid.
    epoch: int | None
    step: int | None
    bytes: int | None
    sha256: str | None
    manifest_url: str


def newest_valid(folder: CheckpointFolder, arena: Arena, *, run_id: str) -> Restorable | None:
    """Read the newest valid checkpoint into the arena; None where none was ever committed.

    Raises:
        NoValidCheckpoint: Checkpoints exist, here or in quarantine, and none verifies.
        OtherTraining: The folder belongs to another run.
    """
    generations = folder.generations()
    for generation in generations:
        try:
            checkpoint = folder.read(generation)
            _refuse_other_run(checkpoint, run_id)
            return Restorable(checkpoint=checkpoint, header=_load(folder, checkpoint, arena))
        except (BadManifest, BadBlock) as trouble:
            _put_aside(folder, generation, trouble)
    aside = folder.quarantined()
    if not generations and not aside:
        return None
    raise NoValidCheckpoint(
        f"{len(aside)} checkpoints were committed to {folder.root} and none of them verifies.",
        fix=f"Read {folder.quarantine}/*.reason; bring a replica back, or start anew in an empty folder.",
    )


def _load(folder: CheckpointFolder, checkpoint: Checkpoint, arena: Arena) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(bytes(folder.blocks.read(checkpoint.manifest.header)))
    folder.blocks.read(checkpoint.manifest.payload, into=arena.lay_out(slots_of(header)))
    return header


def _put_aside(folder: CheckpointFolder, generation: int, trouble: BadManifest | BadBlock) -> None:
    print(f"lowtide-run: checkpoint {generation} is not valid: {trouble}", file=sys.stderr)
    if isinstance(trouble, BadBlock) and trouble.path is not None:
        folder.put_aside(trouble.path, str(trouble))
    folder.put_aside(folder.manifest_path(generation), str(trouble))


def _refuse_other_run(checkpoint: Checkpoint, run_id: str) -> None:
    if checkpoint.manifest.run_id != run_id:
        theirs = checkpoint.manifest.run_id
        raise OtherTraining(
            f"{checkpoint.path} belongs to run {theirs!r}; the plan is of run {run_id!r}.",
            fix="Give each run its own stores.local_dir.",
        )


def list_checkpoints(root: Path | str) -> list[CheckpointRow]:
    """Return every generation in a folder, newest first, each verified to the last block.

    Reads only; nothing is put aside. Raises FileNotFoundError where there is no such folder.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(f"There is no folder {root}.")
    folder = CheckpointFolder(root)
    return [_row(folder, generation) for generation in folder.generations()]


def _row(folder: CheckpointFolder, generation: int) -> CheckpointRow:
    checkpoint, reason = None, None
    try:
        checkpoint = folder.read(generation)
        verify(folder, checkpoint)
    except (BadManifest, BadBlock) as trouble:
        reason = str(trouble)
    manifest = checkpoint.manifest if checkpoint else None
    return CheckpointRow(
        generation=generation,
        valid=reason is None,
        reason=reason,
        epoch=manifest.epoch if manifest else None,
        step=manifest.step if manifest else None,
        bytes=manifest.bytes if manifest else None,
        sha256=checkpoint.sha256 if checkpoint else None,
        manifest_url=folder.manifest_path(generation).absolute().as_uri(),
    )


def verify(folder: CheckpointFolder, checkpoint: Checkpoint) -> None:
    """Read every block of a checkpoint back; raises BadBlock for the first that is not right."""
    blocks: tuple[Block, ...] = checkpoint.manifest.blocks
    buffer = memoryview(bytearray(max(block.bytes for block in blocks)))
    for block in blocks:
        folder.blocks.read_into(block, buffer[: block.bytes])
