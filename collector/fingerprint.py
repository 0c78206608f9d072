"""What makes two readings of a file the same: its bytes, its place, its reader, and what judged it.

A newer program may read a file better and a richer catalogue may know its machines, so both
are part of the fingerprint: then the file is read again, and adds what it could not before.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from .catalog import CATALOG, Catalog
from .sources.base import Source
from .sources.files import RecordedFile, digest_into

ROOM = Path(__file__).parent
PLACE_PARTS = 5  # Of a path; readers take a day, a provider and a zone from the last of them.


def fingerprint_of(source: Source, catalog: Catalog) -> str | None:
    """The fingerprint of a recorded file as this program reads it, None where the source is no file.

    Raises:
        UnreadableSource: The file cannot be read.
    """
    if not isinstance(source, RecordedFile):
        return None
    digest = hashlib.blake2b(digest_size=16)
    place = "/".join(source.path.resolve().parts[-PLACE_PARTS:])
    for part in (_program(), place, source.kind, source.reading, *map(repr, sorted(catalog.skus.items()))):
        digest.update(part.encode() + b"\0")
    for path in (source.path, *source.beside):
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            digest.update(file.name.encode() + b"\0")
            digest_into(file, digest.update)
    return digest.hexdigest()


@cache
def _program() -> str:
    """A digest of the readers and rules of this program."""
    digest = hashlib.blake2b(digest_size=16)
    rules = [ROOM / name for name in ("judged.py", "quality.py", "signal_rules.py")]
    for path in sorted([*ROOM.glob("sources/*.py"), *rules, CATALOG]):
        digest.update(path.read_bytes())
    return digest.hexdigest()
