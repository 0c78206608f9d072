"""Frames on their way back: opened, decoded, verified."""

from __future__ import annotations

from typing import Any

import xxhash
from blake3 import blake3
from cryptography.exceptions import InvalidTag

from .codec import BadCode, decode_into
from .crypt import RunSecret, nonce_of
from .frames import BadBlock, associated
from .manifest import Block


class FrameOpener:
    """Opens frames of one run: decrypts, decodes and verifies them."""

    def __init__(self, run_id: str, secret: RunSecret | None, salts: tuple[str, ...]) -> None:
        self._run_id, self._secret = run_id, secret
        self._ciphers: list[Any] = [
            None if secret is None else secret.cipher(bytes.fromhex(salt)) for salt in salts
        ]

    def open_into(
        self,
        block: Block,
        frame: memoryview,
        buffer: memoryview,
        base: memoryview | None = None,
        *,
        thoroughly: bool = False,
    ) -> None:
        """Write a block's plain bytes into `buffer`, of its size, and verify them.

        A sealed frame is authenticated by its cipher and bound to its address, so xxh3 over the plain bytes
        completes the proof; an open one is verified against its BLAKE3 address, as is any with `thoroughly`.

        Raises:
            BadBlock: It does not open, decode or verify. The buffer then holds anything.
        """
        stored: memoryview | bytes = frame
        if block.salt is not None:
            bound = associated(self._run_id, block.address, block.codec)
            stored = self._decrypt(block, frame, bound, buffer if block.codec == "raw" else None)
        if not (block.salt is not None and block.codec == "raw"):
            try:
                decode_into(block.codec, memoryview(stored), buffer, base)
            except BadCode as trouble:
                raise BadBlock(f"block {block.address[:16]} does not decode: {trouble}") from None
        self._verify(block, buffer, thoroughly or block.salt is None)

    def _decrypt(self, block: Block, frame: memoryview, bound: bytes, into: memoryview | None) -> bytes:
        try:
            cipher, nonce = self._ciphers[block.salt or 0], nonce_of(block.counter or 0)
            if into is None:
                return bytes(cipher.decrypt(nonce, frame, bound))
            cipher.decrypt_into(nonce, frame, bound, into)
        except (InvalidTag, ValueError, AttributeError, IndexError):
            raise BadBlock(f"block {block.address[:16]} does not open: it was changed or cut") from None
        return b""

    def _verify(self, block: Block, plain: memoryview, thoroughly: bool) -> None:
        if xxhash.xxh3_128_hexdigest(plain) != block.xxh3:
            raise BadBlock(f"block {block.address[:16]} has changed content")
        if not thoroughly:
            return
        key = None if self._secret is None else self._secret.address_key
        address = blake3(plain, key=key).hexdigest() if key else blake3(plain).hexdigest()
        if address != block.address:
            raise BadBlock(f"block {block.address[:16]} has other content than its name says")
