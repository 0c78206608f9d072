"""A store in a bucket — S3, Google Cloud Storage, Azure Blob — or in memory, through obstore.

A request that failed is sent again, after growing pauses, until it succeeds or patience ends. That a request
failed does not say that nothing happened: a creation whose answer was lost finds its own object the second
time, and knows it by its content. Nothing is renamed, nothing overwritten but by compare-and-swap.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    NotModifiedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from .bandwidth import Bandwidth
from .remote_open import Credentials, Renewed, open_raw
from .remote_retry import Denied, Unsure, keep_trying
from .remote_upload import ObjectUpload
from .stores import Absent, BadRange, DeleteRefused, StoredObject, checked_key

T = TypeVar("T")
PATIENCE_S = 120.0
PART_RETRIES = 8


class ObjectStore:
    """Objects in one folder of one bucket.

    Args:
        url: `s3://BUCKET/FOLDER`, `gs://…`, `az://…`, or `memory://NAME` for this process alone.
        credentials: Gives short-lived credentials; None takes what the environment offers.
        patience_s: How long one operation may take, all its retries included; an upload's parts each.
        upload_cap_bytes_per_s: The most that uploads may take of the uplink.
        part_bytes: Above twice this, an object is uploaded in parts of this size.
        options: As obstore names them.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        patience_s: float = PATIENCE_S,
        upload_cap_bytes_per_s: float | None = None,
        part_bytes: int = 32 << 20,
        **options: Any,
    ) -> None:
        self.url, self.patience_s, self.part_bytes = url.rstrip("/"), patience_s, part_bytes
        self.upload, self.download = Bandwidth(upload_cap_bytes_per_s), Bandwidth()
        self._options, self._renewed = options, None if credentials is None else Renewed(credentials)
        self._raw, self._patient = self._open(0), self._open(PART_RETRIES)

    def _open(self, retries: int) -> Any:
        return open_raw(
            self.url,
            credentials=self._renewed,
            retries=retries,
            patience_s=self.patience_s,
            options=self._options,
        )

    def create(self, key: str, data: bytes | memoryview) -> bool:
        """Create an object; False where another exists. One that we ourselves made unawares is ours."""
        checked_key(key)
        self.upload.wait(len(data))
        unsure = False

        def put() -> bool:
            nonlocal unsure
            try:
                began = time.monotonic()
                obstore.put(self._raw, key, data, mode="create", use_multipart=False)
            except (AlreadyExistsError, NotModifiedError, PreconditionError):
                # A conflict with nothing there is told alike; then this raises, and we try again.
                obstore.head(self._raw, key)
                return unsure and self._get(key) == bytes(data)
            except BaseException:
                unsure = True
                raise
            self.upload.record(len(data), time.monotonic() - began)
            return True

        return self._keep_trying(f"create {key}", put, absent_passes=True)

    def begin(self, key: str) -> ObjectUpload:
        """Begin an object that is written in pieces; in one request where it stays small."""
        return ObjectUpload(self, self._patient, checked_key(key))

    def read(self, key: str, start: int = 0, size: int | None = None) -> bytes:
        """Return `size` bytes from `start`, or all from there."""
        checked_key(key)
        if start == 0 and size is None:
            return self._keep_trying(f"read {key}", lambda: self._get(key))
        if size is None:
            size = self._size(key) - start
            if size < 0:
                raise BadRange(f"{key} ends before byte {start}")
        if size == 0:
            self._size(key)
            return b""
        return bytes(self._range(key, start, size))

    def read_into(self, key: str, start: int, buffer: memoryview) -> None:
        """Fill `buffer` from `start`."""
        if len(buffer):
            buffer[:] = self._range(checked_key(key), start, len(buffer))

    def _size(self, key: str) -> int:
        found = self.head(key)
        if found is None:
            raise Absent(f"{key} is absent")
        return found.bytes

    def _get(self, key: str) -> bytes:
        result = obstore.get(self._raw, key)
        data = bytes(result.bytes())
        if len(data) != result.meta["size"]:
            raise Unsure(f"{len(data)} bytes came of {result.meta['size']}")
        self.download.total_bytes += len(data)
        return data

    def _range(self, key: str, start: int, size: int) -> memoryview:
        def get() -> memoryview:
            began = time.monotonic()
            try:
                data = memoryview(obstore.get_range(self._raw, key, start=start, length=size))
            except (FileNotFoundError, PermissionDeniedError, UnauthenticatedError):
                raise
            except Exception:
                self._refuse_range(key, start, size)  # It was too much to ask for, or else the network.
                raise
            if len(data) != size:
                self._refuse_range(key, start, size)
                raise Unsure(f"{len(data)} bytes came of {size}")
            self.download.record(size, time.monotonic() - began)
            return data

        return self._keep_trying(f"read {key}", get)

    def _refuse_range(self, key: str, start: int, size: int) -> None:
        try:
            found: int = obstore.head(self._raw, key)["size"]
        except Exception:  # It will be asked for again.
            return
        if found < start + size:
            raise BadRange(f"{key} ends before byte {start + size}")

    def head(self, key: str) -> StoredObject | None:
        """Return an object's size and age, None where there is none."""
        checked_key(key)
        try:
            return self._keep_trying(f"look at {key}", lambda: _stored(obstore.head(self._raw, key)))
        except Absent:
            return None

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose key begins with `prefix`, sorted by key."""
        folder = prefix.rpartition("/")[0] or None  # obstore takes whole folders.

        def pages() -> tuple[StoredObject, ...]:
            listed = obstore.list(self._raw, folder, chunk_size=1000)
            return tuple(_stored(meta) for page in listed for meta in page if meta["path"].startswith(prefix))

        found = self._keep_trying(f"list {prefix}", pages)
        return iter(sorted(found, key=lambda each: each.key))

    def delete(self, key: str) -> None:
        """Remove an object; raises DeleteRefused where these credentials may not."""
        checked_key(key)
        try:
            self._keep_trying(f"delete {key}", lambda: obstore.delete(self._raw, key))
        except Absent:
            return
        except Denied as denied:
            raise DeleteRefused(denied.seen, fix="Run lowtide ckpt gc with credentials that may.") from None

    def read_tagged(self, key: str) -> tuple[bytes, str] | None:
        """Return an object and its version's tag."""
        checked_key(key)

        def get() -> tuple[bytes, str]:
            result = obstore.get(self._raw, key)
            tag = {name: result.meta.get(name) for name in ("e_tag", "version")}
            return bytes(result.bytes()), json.dumps(tag)

        try:
            return self._keep_trying(f"read {key}", get)
        except Absent:
            return None

    def swap(self, key: str, data: bytes, tag: str | None) -> bool:
        """Replace the version that had `tag`; False where it is another. Never give a content twice."""
        if tag is None:
            return self.create(key, data)
        checked_key(key)
        version, unsure = {name: value for name, value in json.loads(tag).items() if value}, False

        def put() -> bool:
            nonlocal unsure
            try:
                obstore.put(self._raw, key, data, mode=version, use_multipart=False)  # type: ignore[arg-type]
            except (PreconditionError, NotModifiedError, AlreadyExistsError, FileNotFoundError):
                found = self.read_tagged(key)
                if found is not None and found[1] == tag:
                    raise Unsure("a conflict, though nothing has changed") from None
                return unsure and found is not None and found[0] == data
            except BaseException:
                unsure = True
                raise
            return True

        return self._keep_trying(f"swap {key}", put)

    def _keep_trying(self, what: str, act: Callable[[], T], *, absent_passes: bool = False) -> T:
        return keep_trying(
            what,
            act,
            url=self.url,
            patience_s=self.patience_s,
            renew=None if self._renewed is None else self._renewed.forget,
            absent_passes=absent_passes,
        )


def _stored(meta: Any) -> StoredObject:
    modified_at: datetime = meta["last_modified"]
    return StoredObject(key=meta["path"], bytes=meta["size"], modified_at=modified_at)
