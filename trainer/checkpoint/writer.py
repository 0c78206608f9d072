"""Saves a snapshot: blocks first, the root manifest last, and never past a newer attempt.

The epoch fences: where the newest manifest was written by a later attempt, this process is a
zombie from before a preemption. Because a generation's manifest can be created only once, a
zombie that looked before the newer attempt committed fails at the creation and looks again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ..errors import FencedOut
from .capture import Snapshot
from .durable import create_once
from .folder import Checkpoint, CheckpointFolder
from .manifest import Manifest, Parent, sha256_of, to_bytes


class Writer:
    """Commits the checkpoints of one attempt of one run."""

    def __init__(self, folder: CheckpointFolder, *, run_id: str, epoch: int) -> None:
        self._folder, self._run_id, self._epoch = folder, run_id, epoch
        self.parent: Parent | None = None  # The last checkpoint restored or committed.

    def save(self, snapshot: Snapshot) -> Checkpoint:
        """Write and commit a snapshot; it exists, durably, when this returns.

        Raises:
            FencedOut: A newer attempt has committed.
            OSError: The disk is full or gone. No checkpoint has come to exist, and none is harmed.
        """
        self._refuse_zombie()
        blocks = self._folder.blocks
        header, payload = blocks.write(snapshot.header), blocks.write(snapshot.payload)
        blocks.sync()
        while True:
            self._refuse_zombie()
            manifest = Manifest(
                run_id=self._run_id,
                generation=self._folder.next_generation(),
                epoch=self._epoch,
                step=snapshot.step,
                tier="F",
                exact=True,
                parent=self.parent,
                committed_at=datetime.now(UTC),
                config_digest=snapshot.config_digest,
                header=header,
                payload=payload,
            )
            if (checkpoint := self._create(manifest)) is not None:
                return checkpoint

    def _create(self, manifest: Manifest) -> Checkpoint | None:
        raw, path = to_bytes(manifest), self._folder.manifest_path(manifest.generation)
        if not create_once(path, raw):
            return None  # Another writer took this generation; look again who that was.
        checkpoint = Checkpoint(manifest=manifest, sha256=sha256_of(raw), path=path)
        self.parent = Parent(generation=manifest.generation, sha256=checkpoint.sha256)
        return checkpoint

    def _refuse_zombie(self) -> None:
        newest = next(iter(self._folder.readable()), None)
        if newest is not None and newest.manifest.epoch > self._epoch:
            raise FencedOut(
                f"Attempt {newest.manifest.epoch} has committed generation {newest.manifest.generation}; "
                f"this is attempt {self._epoch} and must not commit after it.",
                fix="Stop this process; the run goes on elsewhere.",
            )
