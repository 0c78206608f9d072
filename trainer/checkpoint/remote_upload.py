"""An object on its way into a bucket: one request while it is small, a multipart upload beyond that.

Parts go up in the background while the next are written, a few at a time, and each is retried by itself. An
upload that fails, or is given up, is aborted, so that no hidden parts stay; where the whole machine is lost
the bucket's lifecycle rule is the backstop. S3 checks every part against its SHA-256.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from queue import Full, Queue
from typing import TYPE_CHECKING, Any

import obstore
import xxhash

from .remote_retry import short
from .stores import Absent, StoreTrouble

if TYPE_CHECKING:
    from .remote_store import ObjectStore

CONCURRENT_PARTS = 4
READ_BACK_BYTES = 8 << 20


class _GivenUp(Exception):
    """Raised into obstore, which then aborts the multipart upload."""


class ObjectUpload:
    """One upload. Holds two parts while it is small, then one and those under way."""

    def __init__(self, store: ObjectStore, raw: Any, key: str) -> None:
        self._store, self._raw, self._key = store, raw, key
        self._piece = bytearray()
        self._parts: Queue[bytes | None] = Queue(maxsize=1)
        self._sender: threading.Thread | None = None
        self._trouble: BaseException | None = None
        self._given_up = self._over = False
        self._began_s, self._bytes, self._digest = time.monotonic(), 0, xxhash.xxh3_128()

    def write(self, data: memoryview | bytes) -> None:
        """Append to the object."""
        if self._over:
            raise ValueError("the upload is over")
        self._piece += data
        self._bytes += len(data)
        self._digest.update(data)
        if self._sender is None and len(self._piece) > 2 * self._store.part_bytes:
            self._sender = threading.Thread(target=self._send, name="upload", daemon=True)
            self._sender.start()
        while self._sender is not None and len(self._piece) >= self._store.part_bytes:
            part = bytes(memoryview(self._piece)[: self._store.part_bytes])
            del self._piece[: self._store.part_bytes]
            self._store.upload.wait(len(part))
            self._hand_over(part)

    def _hand_over(self, part: bytes | None) -> None:
        while True:
            if self._trouble is not None:
                raise self._as_store_trouble()
            try:
                self._parts.put(part, timeout=0.2)
            except Full:
                continue
            return

    def _send(self) -> None:
        try:
            obstore.put(
                self._raw,
                self._key,
                self._pieces(),
                use_multipart=True,
                chunk_size=self._store.part_bytes,
                max_concurrency=CONCURRENT_PARTS,
            )
        except BaseException as trouble:
            self._trouble = trouble

    def _pieces(self) -> Iterator[bytes]:
        while (part := self._parts.get()) is not None:
            yield part
        if self._given_up:
            raise _GivenUp

    def commit(self) -> bool:
        """Make the object exist; False where the key does.

        A multipart upload has no condition to complete under, so the key is looked at right before: whoever
        writes in pieces gives names that nobody else gives.
        """
        if self._over:
            raise ValueError("the upload is over")
        try:
            if self._sender is None:
                return self._store.create(self._key, memoryview(self._piece))
            if self._store.head(self._key) is not None:
                return False
            return self._complete()
        finally:
            self.abort()

    def _complete(self) -> bool:
        if self._piece:
            self._hand_over(bytes(self._piece))
        self._hand_over(None)
        if self._sender is not None:
            self._sender.join()
        self._over = True
        if self._trouble is not None and not self._stands():
            raise self._as_store_trouble()
        self._store.upload.record(self._bytes, time.monotonic() - self._began_s)
        return True

    def _stands(self) -> bool:
        """Whether the object is there as it was written, though its completion seemed to fail."""
        try:
            found = self._store.head(self._key)
            if found is None or found.bytes != self._bytes:
                return False
            digest = xxhash.xxh3_128()
            for start in range(0, self._bytes, READ_BACK_BYTES):
                size = min(READ_BACK_BYTES, self._bytes - start)
                digest.update(self._store.read(self._key, start, size))
        except (Absent, StoreTrouble):
            return False
        return bool(digest.digest() == self._digest.digest())

    def _as_store_trouble(self) -> StoreTrouble:
        return StoreTrouble(
            f"{self._store.url} did not take {self._key}: {short(self._trouble)}.",
            fix="Check the network and the bucket; what was committed stands.",
        )

    def abort(self) -> None:
        """Leave nothing behind but what was committed."""
        if self._over:
            return
        self._over = self._given_up = True
        if self._sender is not None and self._trouble is None:
            while self._sender.is_alive():
                try:
                    self._parts.put(None, timeout=0.2)
                    break
                except Full:
                    continue
            self._sender.join()
