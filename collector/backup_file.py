"""The form of a backup: a tar of Parquet files, one per table, and a manifest that says what must be in it.

    tables/<table>.parquet   the rows of one table, in the order in which they were stored
    manifest.json            by which program and schema, as of when; rows, bytes and SHA-256 per table
    manifest.sha256          the manifest's own, as `sha256sum -c` reads it

The manifest goes last: where it is found and holds, every table it names was written before it.
Nothing in here knows a database; it reads and writes bytes, and refuses those that are not
what they were.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import ImpossibleInput

FORMAT: Final = "lowtide-backup"
VERSION: Final = 1  # Of this form; one that this program does not know is refused.
MANIFEST, SEAL = "manifest.json", "manifest.sha256"
LARGEST_MANIFEST: Final = 1 << 20
BLOCK: Final = 1 << 20
AGAIN: Final = "Name another backup; nothing was restored."


class BackupUnreadable(ImpossibleInput):
    """A backup that is damaged, cut short, of another program, or newer than this one."""

    slug = "backup-unreadable"


@dataclass(frozen=True, slots=True)
class Piece:
    """One table in a backup."""

    table: str
    rows: int
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """Its place in the archive."""
        return f"tables/{self.table}.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup is, and what must be in it."""

    program: str  # The version that took it.
    store: str  # The file it was taken of.
    as_of: datetime
    migrations: dict[int, str]  # Version of the schema -> SHA-256 of its script.
    keeps_days: bool  # Whether a day ledger was kept; it is derived, and left out.
    pieces: tuple[Piece, ...]

    @property
    def schema_version(self) -> int:
        """The newest migration."""
        return max(self.migrations)

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(piece.rows for piece in self.pieces)

    def to_json(self) -> bytes:
        """The manifest as it is written."""
        told = {
            "format": FORMAT,
            "version": VERSION,
            "program": self.program,
            "schema_version": self.schema_version,
            "store": self.store,
            "as_of": self.as_of.isoformat(),
            "keeps_days": self.keeps_days,
            "migrations": {str(number): digest for number, digest in self.migrations.items()},
            "tables": [asdict(piece) for piece in self.pieces],
        }
        return (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode()


class BackupWriter:
    """Adds tables to an archive, and the manifest when they are all there."""

    def __init__(self, file: BinaryIO, at: datetime) -> None:
        self._tar = tarfile.TarFile(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)
        self._at = at
        self.pieces: list[Piece] = []

    def add_table(self, table: str, rows: int, path: Path) -> None:
        """Add one Parquet file."""
        with path.open("rb") as file:
            piece = Piece(table, rows, path.stat().st_size, _digest(file))
            file.seek(0)
            self._add(piece.name, file, piece.bytes)
        self.pieces.append(piece)

    def close(self, manifest: Manifest) -> None:
        """Write the manifest; from here on the archive is whole."""
        written = manifest.to_json()
        seal = f"{hashlib.sha256(written).hexdigest()}  {MANIFEST}\n".encode()
        for name, content in ((MANIFEST, written), (SEAL, seal)):
            self._add(name, io.BytesIO(content), len(content))
        self._tar.close()

    def _add(self, name: str, file: BinaryIO, size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = size, int(self._at.timestamp()), 0o644
        self._tar.addfile(member, file)


class BackupReader:
    """A backup whose manifest is sound; its tables are checked by `check`."""

    def __init__(self, tar: tarfile.TarFile, path: Path) -> None:
        self._tar, self._path = tar, path
        self.manifest = _manifest(self._whole(MANIFEST), self._whole(SEAL), path)

    def check(self) -> None:
        """Read every table through.

        Raises:
            BackupUnreadable: One is missing, or its bytes, checksum or rows are not those of the manifest.
        """
        for piece in self.manifest.pieces:
            with self._member(piece.name) as file:
                if _digest(file) != piece.sha256:
                    raise _damaged(self._path, f"the checksum of {piece.name} is not the manifest's")
                rows = _rows(file, piece, self._path)
                if rows != piece.rows:
                    raise _damaged(
                        self._path, f"{piece.name} holds {rows} rows, and the manifest says {piece.rows}"
                    )

    def extract(self, piece: Piece, to: Path) -> None:
        """Write one table's Parquet file to a path."""
        with self._member(piece.name) as file, to.open("wb") as copy:
            while block := file.read(BLOCK):
                copy.write(block)

    def _whole(self, name: str) -> bytes:
        with self._member(name) as file:
            return bytes(file.read(LARGEST_MANIFEST))

    @contextmanager
    def _member(self, name: str) -> Iterator[Any]:
        try:
            file = self._tar.extractfile(self._tar.getmember(name))
        except KeyError:
            file = None
        if file is None:
            raise _damaged(self._path, f"it has no {name}: it was cut short, or is no backup of a store")
        with file:
            yield file


@contextmanager
def open_backup(path: Path) -> Iterator[BackupReader]:
    """Open a backup.

    Raises:
        BackupUnreadable: It is no backup, is damaged, or is of a newer form.
    """
    try:
        with tarfile.open(path, mode="r:") as tar:
            tar.getmembers()  # Reads every header, so that one cut short is refused here.
            yield BackupReader(tar, path)
    except (tarfile.TarError, EOFError, UnicodeDecodeError) as trouble:
        raise _damaged(path, f"it cannot be read as a tar archive: {trouble}") from None


def _manifest(written: bytes, seal: bytes, path: Path) -> Manifest:
    """Read a manifest, after making sure that it is what was written."""
    if hashlib.sha256(written).hexdigest().encode() != seal.split(b" ")[0]:
        raise _damaged(path, f"the checksum of {MANIFEST} is not that of {SEAL}")
    try:
        told = json.loads(written)
        if told["format"] != FORMAT:
            raise ValueError(told["format"])
        if told["version"] > VERSION:
            raise _newer(path, f"has form {told['version']}; this program knows forms up to {VERSION}")
        return Manifest(
            program=str(told["program"]),
            store=str(told["store"]),
            as_of=datetime.fromisoformat(told["as_of"]),
            migrations={int(number): str(digest) for number, digest in told["migrations"].items()},
            keeps_days=bool(told["keeps_days"]),
            pieces=tuple(Piece(**piece) for piece in told["tables"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as trouble:
        raise _damaged(path, f"its manifest is none of ours ({type(trouble).__name__}: {trouble})") from None


def _digest(file: Any) -> str:
    found = hashlib.sha256()
    while block := file.read(BLOCK):
        found.update(block)
    return found.hexdigest()


def _rows(file: Any, piece: Piece, path: Path) -> int:
    """How many rows a Parquet file says it has."""
    file.seek(0)
    try:
        return int(pq.read_metadata(file).num_rows)
    except (pa.ArrowException, OSError) as trouble:
        raise _damaged(path, f"{piece.name} is no Parquet file ({trouble})") from None


def _newer(path: Path, what: str) -> BackupUnreadable:
    return BackupUnreadable(
        f"{path} {what}.", fix="Upgrade lowtide, or use the version that took the backup."
    )


def _damaged(path: Path, what: str) -> BackupUnreadable:
    return BackupUnreadable(f"{path} cannot be restored: {what}.", fix=AGAIN)
