"""The checkpoint folder on a filesystem: where blocks, manifests and quarantined files lie.

    blocks/<blake3>                     immutable content
    manifests/<generation>.json         one per checkpoint, created last
    quarantine/<name>, <name>.reason    what did not verify, and why

The number of a generation is taken once and for all: a quarantined manifest keeps its own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .chunks import BlockFolder
from .durable import sync_folder
from .manifest import BadManifest, Manifest, from_bytes, sha256_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A manifest and where it was read. Its blocks are not verified by that."""

    manifest: Manifest
    sha256: str  # Of the manifest's file.
    path: Path

    @property
    def url(self) -> str:
        """The manifest's address, as events carry it."""
        return self.path.absolute().as_uri()


class CheckpointFolder:
    """One run's checkpoints in one local folder."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self.manifests, self.quarantine = self.root / "manifests", self.root / "quarantine"
        self.blocks = BlockFolder(self.root / "blocks")

    def make(self) -> None:
        """Make the folders, durably, where they are absent."""
        for folder in (self.manifests, self.quarantine, self.blocks.folder):
            folder.mkdir(parents=True, exist_ok=True)
        sync_folder(self.root)
        sync_folder(self.root.absolute().parent)

    def manifest_path(self, generation: int) -> Path:
        """Return the file of a generation's manifest."""
        return self.manifests / f"{generation:09d}.json"

    def generations(self) -> list[int]:
        """Return the generations that have a manifest, valid or not, newest first."""
        return _numbers(self.manifests)

    def quarantined(self) -> list[int]:
        """Return the generations whose manifest was put aside, newest first."""
        return _numbers(self.quarantine)

    def next_generation(self) -> int:
        """Return the number of the next checkpoint; one that was put aside is not used again."""
        return max([0, *self.generations(), *self.quarantined()]) + 1

    def read(self, generation: int) -> Checkpoint:
        """Read one manifest.

        Raises:
            BadManifest: It is absent, torn, changed, or of another generation than its name says.
        """
        path = self.manifest_path(generation)
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            raise BadManifest("The manifest is absent.", fix="Take an older checkpoint.") from None
        manifest = from_bytes(raw)
        if manifest.generation != generation:
            raise BadManifest(f"{path.name} holds generation {manifest.generation}.", fix="Restore the file.")
        return Checkpoint(manifest=manifest, sha256=sha256_of(raw), path=path)

    def readable(self) -> list[Checkpoint]:
        """Return the checkpoints whose manifest can be read, newest first."""
        found = []
        for generation in self.generations():
            try:
                found.append(self.read(generation))
            except BadManifest:
                continue
        return found

    def put_aside(self, path: Path, reason: str) -> None:
        """Move a file that did not verify to quarantine, with the reason beside it."""
        (self.quarantine / f"{path.name}.reason").write_text(reason + "\n")
        os.replace(path, self.quarantine / path.name)
        sync_folder(self.quarantine)
        sync_folder(path.parent)


def _numbers(folder: Path) -> list[int]:
    stems = (path.stem for path in folder.glob("*.json"))
    return sorted((int(stem) for stem in stems if stem.isdecimal()), reverse=True)
