"""A store in a folder of a POSIX filesystem, durable also after a power cut.

An object's bytes are forced to disk under a temporary name, then linked to its key (a link never
overwrites), then the folder is forced too: without the last, a machine that loses power may forget the
name of a file it has kept. Writeback of a large object begins with its first bytes, so that the final
force finds little left to do.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from ..crash import crash_point
from .blob_file import BlobFile, write_all
from .durable import TEMPORARY, link_once, make_folder, open_temporary, sync_folder, trouble
from .stores import Absent, BadRange, DeleteRefused, StoredObject, checked_key

LOCK = ".lock"


class LocalStore:
    """Objects as files under `root`, which is made with the first of them.

    Args:
        direct: Write large objects past the page cache (O_DIRECT), where the filesystem can. Keeps the
            cache for the training's data, and lets a restore on this machine read from the disk.
    """

    def __init__(self, root: Path | str, *, direct: bool = False) -> None:
        self.root, self._direct = Path(root).absolute(), direct
        self.url = self.root.as_uri()

    def path(self, key: str) -> Path:
        """Return the file of a key."""
        return self.root / checked_key(key)

    def create(self, key: str, data: bytes) -> bool:
        """Create an object, durably; False where it exists."""
        point = "manifest" if key.startswith("manifests/") else ""
        path = self.path(key)
        with trouble(path):
            if path.exists():
                return False
            crash_point(f"{point}.before_write")
            temporary, file = open_temporary(path)
            try:
                half = len(data) // 2
                write_all(file, data[:half])
                crash_point(f"{point}.torn")
                write_all(file, data[half:])
                os.fsync(file)
                crash_point(f"{point}.before_link")
                made = link_once(temporary, path)
            finally:
                os.close(file)
                temporary.unlink(missing_ok=True)
            if made:
                crash_point(f"{point}.after_link")
            return made

    def begin(self, key: str) -> FileUpload:
        """Begin an object that is written in pieces."""
        path = self.path(key)
        with trouble(path):
            return FileUpload(path, direct=self._direct)

    def read(self, key: str, start: int = 0, size: int | None = None) -> bytes:
        """Return `size` bytes from `start`, or all from there."""
        with self._opened(key) as file:
            wanted = os.fstat(file).st_size - start if size is None else size
            if wanted < 0:
                raise BadRange(f"{key} ends before byte {start}")
            buffer = bytearray(wanted)
            _fill(file, start, memoryview(buffer), key)
            return bytes(buffer)

    def read_into(self, key: str, start: int, buffer: memoryview) -> None:
        """Fill `buffer` from `start`."""
        with self._opened(key) as file:
            _fill(file, start, buffer, key)

    @contextmanager
    def _opened(self, key: str) -> Iterator[int]:
        path = self.path(key)
        with trouble(path):
            try:
                file = os.open(path, os.O_RDONLY)
            except (FileNotFoundError, NotADirectoryError):
                raise Absent(f"{key} is absent") from None
            try:
                yield file
            finally:
                os.close(file)

    def head(self, key: str) -> StoredObject | None:
        """Return an object's size and age, None where there is none."""
        path = self.path(key)
        with trouble(path):
            try:
                found = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return StoredObject(
            key=key, bytes=found.st_size, modified_at=datetime.fromtimestamp(found.st_mtime, UTC)
        )

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose key begins with `prefix`, sorted by key."""
        keys = sorted(key for key in self._keys(prefix.rpartition("/")[0]) if key.startswith(prefix))
        return (found for key in keys if (found := self.head(key)) is not None)

    def _keys(self, folder: str) -> Iterator[str]:
        with trouble(self.root / folder):
            for parent, _, names in os.walk(self.root / folder, onerror=_raise_unless_absent):
                within = Path(parent).relative_to(self.root).as_posix()
                at = "" if within == "." else f"{within}/"
                yield from (f"{at}{name}" for name in names if TEMPORARY not in name and name != LOCK)

    def delete(self, key: str) -> None:
        """Remove an object and the folder it leaves empty, durably."""
        path = self.path(key)
        with trouble(path):
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return
            except PermissionError:
                raise DeleteRefused(f"{path} may not be removed.", fix="Run gc with other rights.") from None
            sync_folder(path.parent)
            if path.parent.parent != self.root and path.parent != self.root:
                with suppress(OSError):  # It is not empty.
                    path.parent.rmdir()

    def read_tagged(self, key: str) -> tuple[bytes, str] | None:
        """Return an object and the hash of its content."""
        try:
            data = self.read(key)
        except Absent:
            return None
        return data, hashlib.sha256(data).hexdigest()

    def swap(self, key: str, data: bytes, tag: str | None) -> bool:
        """Replace the content that had `tag`; False where it is another. Never give a content twice."""
        path = self.path(key)
        with trouble(path), self._locked():
            found = self.read_tagged(key)
            if (found and found[1]) != tag:
                return False
            temporary, file = open_temporary(path)
            try:
                write_all(file, data)
                os.fsync(file)
                crash_point("lease.before_swap")
                os.replace(temporary, path)
            finally:
                os.close(file)
                temporary.unlink(missing_ok=True)
            sync_folder(path.parent)
            crash_point("lease.after_swap")
            return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the store's lock, which the kernel lets go of when a process dies."""
        make_folder(self.root)
        file = os.open(self.root / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    def sweep_temporaries(self, before: datetime) -> tuple[str, ...]:
        """Remove what writers cut short have left behind and nobody touched since `before`."""
        swept = []
        for path in self.root.rglob(f"*{TEMPORARY}*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    swept.append(path.relative_to(self.root).as_posix())
        return tuple(swept)


class FileUpload:
    """One object on its way into a `LocalStore`."""

    def __init__(self, path: Path, *, direct: bool) -> None:
        self._path, self._done, self._torn = path, False, False
        crash_point("blob.before_write")
        self._temporary, file = open_temporary(path)
        self._file: BlobFile | None = BlobFile(file, direct=direct)

    def write(self, data: memoryview | bytes) -> None:
        """Append to the object."""
        if self._file is None:
            raise ValueError("the upload is over")
        with trouble(self._path):
            half = 0 if self._torn else len(data) // 2
            if half:
                self._file.write(memoryview(data)[:half])
                crash_point("blob.torn")
                self._torn = True
            self._file.write(memoryview(data)[half:])

    def commit(self) -> bool:
        """Force the bytes to disk and give them their name; False where it is taken."""
        if self._file is None:
            raise ValueError("the upload is over")
        with trouble(self._path):
            try:
                self._file.sync()
                crash_point("blob.before_rename")
                made = link_once(self._temporary, self._path)
            finally:
                self.abort()
            crash_point("blob.after_rename")
            return made

    def abort(self) -> None:
        """Leave nothing behind but what was committed."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._temporary.unlink(missing_ok=True)


def _raise_unless_absent(error: OSError) -> None:
    """A folder that cannot be read is not an empty one."""
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise error


def _fill(file: int, start: int, buffer: memoryview, key: str) -> None:
    at = 0
    while at < len(buffer):
        got = os.preadv(file, [buffer[at:]], start + at)
        if got == 0:
            raise BadRange(f"{key} ends before byte {start + len(buffer)}")
        at += got
