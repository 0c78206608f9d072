"""Keeps the newest checkpoints and removes what no checkpoint needs any more.

Nothing is removed before the newest checkpoint was read back and verified, so the last valid
one always stays. Manifests go first and their blocks after: a crash between the two leaves
blocks that nobody names, never a manifest that names what is gone.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from ..crash import crash_point
from .chunks import BadBlock
from .durable import sync_folder
from .folder import CheckpointFolder
from .restore import verify

LEFTOVER_S = 3600.0  # Longer than any save; younger blocks may be another writer's.


def keep_newest(folder: CheckpointFolder, count: int) -> list[int]:
    """Remove all but the `count` newest checkpoints, and return the generations removed.

    Removes nothing where the newest does not verify.
    """
    readable = folder.readable()
    kept, dropped = readable[:count], readable[count:]
    if not dropped:
        return []
    try:
        verify(folder, kept[0])
    except BadBlock as trouble:
        print(f"lowtide-run: nothing removed, the newest checkpoint is not right: {trouble}", file=sys.stderr)
        return []
    crash_point("retention.before_unlink")
    for checkpoint in dropped:
        checkpoint.path.unlink()
    sync_folder(folder.manifests)
    crash_point("retention.before_sweep")
    needed = {block for checkpoint in kept for block in checkpoint.manifest.blocks}
    for block in {block for checkpoint in dropped for block in checkpoint.manifest.blocks} - needed:
        folder.blocks.path(block).unlink(missing_ok=True)
    return [checkpoint.manifest.generation for checkpoint in dropped]


def sweep_leftovers(folder: CheckpointFolder, *, older_than_s: float = LEFTOVER_S) -> list[Path]:
    """Remove blocks and temporary files that saves cut short have left behind; return their paths."""
    needed = {block.blake3 for checkpoint in folder.readable() for block in checkpoint.manifest.blocks}
    before = time.time() - older_than_s
    swept = []
    for entry in [*os.scandir(folder.blocks.folder), *os.scandir(folder.manifests)]:
        is_manifest = entry.name.endswith(".json")
        if not is_manifest and entry.name not in needed and entry.stat().st_mtime < before:
            swept.append(Path(entry.path))
    for path in swept:
        path.unlink(missing_ok=True)
    return swept
