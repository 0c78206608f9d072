"""What a checkpoint store must do, whichever it is: a folder, a bucket, memory.

Keys are relative and "/"-separated. An object is there whole or not at all, and a name once taken is never
overwritten, except through `swap`, which replaces exactly what its caller has read. Nothing is renamed:
on a bucket that would be a copy and a delete. All stores pass the same conformance tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

from ..errors import TrainerError

if TYPE_CHECKING:
    from .remote_open import Credentials

REMOTE_SCHEMES = ("s3", "gs", "az", "memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object as a listing tells it."""

    key: str
    bytes: int
    modified_at: datetime


class Absent(Exception):
    """There is no such object."""


class BadRange(Absent):
    """The object is shorter than what was asked of it."""


class StoreTrouble(TrainerError):
    """A store that cannot be used now: network, credentials or disk. Raised after retries."""

    exit_code = 4


class DeleteRefused(StoreTrouble):
    """These credentials may not delete, as a node's should not. Never a reason to stop."""


class BadStoreUrl(TrainerError):
    """An address that names no store we know."""

    exit_code = 2


class Upload(Protocol):
    """One object written in pieces; nothing exists before `commit`."""

    def write(self, data: memoryview | bytes) -> None:
        """Append; the caller may change `data` as soon as this returns."""

    def commit(self) -> bool:
        """Make the object exist, durably; return False, and change nothing, where the key exists."""

    def abort(self) -> None:
        """Leave nothing behind. Idempotent; also after a failed write, and after `commit`."""


class Store(Protocol):
    """A place that keeps objects. Every method may raise StoreTrouble."""

    url: str

    def create(self, key: str, data: bytes) -> bool:
        """Create an object, durably; return False, and change nothing, where the key exists."""

    def begin(self, key: str) -> Upload:
        """Begin an object that is written in pieces."""

    def read(self, key: str, start: int = 0, size: int | None = None) -> bytes:
        """Return `size` bytes from `start`, or all from there; raises Absent or BadRange."""

    def read_into(self, key: str, start: int, buffer: memoryview) -> None:
        """Fill `buffer` from `start`; raises Absent or BadRange."""

    def head(self, key: str) -> StoredObject | None:
        """Return what a listing would tell of one object, None where there is none."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose key begins with `prefix`, sorted by key."""

    def delete(self, key: str) -> None:
        """Remove an object, durably; nothing happens where there is none. May raise DeleteRefused."""

    def read_tagged(self, key: str) -> tuple[bytes, str] | None:
        """Return an object and the tag of this very content, None where there is none."""

    def swap(self, key: str, data: bytes, tag: str | None) -> bool:
        """Replace the content that had `tag` (None: no object); return False where it is another."""


def checked_key(key: str) -> str:
    """Return the key where it is one; raises ValueError where it could leave the store or mean two things."""
    parts = key.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in key or "\\" in key:
        raise ValueError(f"{key!r} is not a key of a store")
    return key


def open_store(url: str, *, credentials: Credentials | None = None, **options: Any) -> Store:
    """Return the store at an address: a path, file://, s3://, gs://, az:// or memory://NAME.

    With `#RUN` behind it, and no folder of that whole name, the store of one run in a collection of many.

    Args:
        credentials: Gives short-lived credentials, asked again before they expire; see `remote_store`.
        options: Of `LocalStore` or `ObjectStore`.

    Raises:
        BadStoreUrl: The scheme is none of these.
    """
    is_folder = "://" not in url and Path(url).is_dir()  # Whose name may hold a `#`.
    url, _, run_id = (url, "", "") if is_folder else url.partition("#")
    if run_id:
        from .collection import CollectedRun

        return CollectedRun(open_store(url, credentials=credentials, **options), run_id)
    scheme = urlsplit(url).scheme if "://" in url else "file"
    if scheme == "file":
        from .local_store import LocalStore

        return LocalStore(unquote(urlsplit(url).path) if "://" in url else url, **options)
    if scheme not in REMOTE_SCHEMES:
        raise BadStoreUrl(
            f"{url} has the scheme {scheme}.", fix="Use a path, file://, s3://, gs:// or az://."
        )
    from .remote_store import ObjectStore

    store: Store = ObjectStore(url, credentials=credentials, **options)
    return store
