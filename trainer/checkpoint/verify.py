"""Lists what a store holds, and proves it: every generation, read to the last block."""

from __future__ import annotations

from dataclasses import dataclass

from .crypt import TAG_BYTES, Keyring, KeyTrouble
from .frames import BLOCK_BYTES, BadBlock
from .layout import generations, manifest_key
from .manifest import BadManifest
from .reading import Reader, Root, read_root
from .stores import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRow:
    """One generation as a listing shows it. Unknown fields of an unreadable manifest are None."""

    generation: int
    valid: bool
    reason: str | None  # Why it is not valid.
    epoch: int | None
    step: int | None
    tier: str | None
    exact: bool | None
    bytes: int | None
    sha256: str | None
    manifest_url: str


def list_checkpoints(store: Store, keyring: Keyring | None = None) -> list[CheckpointRow]:
    """Return every generation in a store, newest first, each verified. Reads only; nothing is put aside."""
    return [_row(store, generation, keyring) for generation in generations(store)]


def _row(store: Store, generation: int, keyring: Keyring | None) -> CheckpointRow:
    root, reason = None, None
    try:
        root = read_root(store, generation, keyring)
        verify(store, root, keyring)
    except (BadManifest, BadBlock, KeyTrouble) as trouble:
        reason = str(trouble)
    manifest = root.manifest if root else None
    return CheckpointRow(
        generation=generation,
        valid=reason is None,
        reason=reason,
        epoch=manifest.epoch if manifest else None,
        step=manifest.step if manifest else None,
        tier=manifest.tier if manifest else None,
        exact=manifest.exact if manifest else None,
        bytes=manifest.bytes if manifest else None,
        sha256=root.sha256 if root else None,
        manifest_url=f"{store.url.rstrip('/')}/{manifest_key(generation)}",
    )


def verify(store: Store, root: Root, keyring: Keyring | None, *, thoroughly: bool = True) -> None:
    """Read every block of a checkpoint back, its keyframe's too where it is measured from one.

    Args:
        thoroughly: By BLAKE3 too what its cipher has authenticated.

    Raises:
        BadBlock, BadManifest: The first that is not right.
    """
    keyframe = root.manifest.keyframe
    bases = [] if keyframe is None else _readers(store, read_root(store, keyframe.generation, keyring))
    for number, reader in enumerate(_readers(store, root)):
        _verify_rank(reader, bases[number] if bases else None, thoroughly)


def _readers(store: Store, root: Root) -> list[Reader]:
    return [Reader(store, root, entry) for entry in root.manifest.ranks]


def _verify_rank(reader: Reader, base: Reader | None, thoroughly: bool) -> None:
    of_header = len(reader.rank.header)
    room, scratch = memoryview(bytearray(BLOCK_BYTES)), bytearray(BLOCK_BYTES + TAG_BYTES)
    for number, block in enumerate(reader.rank.blocks):
        buffer, of_base = room[: block.bytes], None
        if block.codec == "d2z":
            if base is None:
                raise BadBlock("a delta's keyframe is absent")
            of_base = memoryview(bytearray(block.bytes))
            base.read_into(number - of_header + len(base.rank.header), of_base)
        reader.read_into(number, buffer, scratch=scratch, base=of_base, thoroughly=thoroughly)
