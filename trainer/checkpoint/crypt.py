"""Who may read a checkpoint, and who could have written it: envelope encryption of blocks, keyed names, tags.

A master key (named by the plan's `key_ref`, never contained in it) wraps one run secret; everything else
is derived from that secret: the key of block addresses, the key of manifest tags, and a fresh data key per
rank and save, from a random salt. A nonce counts the frames under one data key, so no nonce is used twice.
Rotating a master key wraps the run secret anew and touches no block.

A keyring holds one 32-byte key per line in hex or base64, the newest last: it wraps, all of them unwrap.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import TrainerError

KEY_BYTES, SALT_BYTES, NONCE_BYTES, TAG_BYTES = 32, 16, 12, 16
_ADDRESS, _TAG, _DATA, _WRAP = (f"lowtide checkpoint v2 {use}" for use in ("address", "tag", "data", "wrap"))


class KeyTrouble(TrainerError):
    """A key that is absent, not a key, or not the one a checkpoint was sealed with."""

    exit_code = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """A run secret as a manifest carries it."""

    key_id: str  # Names the master key; says nothing about it.
    nonce: str
    sealed: str
    check: str  # A checksum of the rest: damage must not look like a missing key.

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it was changed by accident."""
        return self.check == _check(self.key_id, self.nonce, self.sealed)


class RunSecret:
    """The secret of one run, and what is derived from it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.address_key = _derive(_ADDRESS, secret)
        self._tag_key = _derive(_TAG, secret)

    @classmethod
    def fresh(cls) -> RunSecret:
        """Return a new random secret."""
        return cls(os.urandom(KEY_BYTES))

    def cipher(self, salt: bytes) -> AESGCM:
        """Return the cipher whose key belongs to a salt."""
        return AESGCM(_derive(_DATA, self._secret + salt))

    def tag(self, raw: bytes) -> str:
        """Return what only a holder of the secret can write under `raw`."""
        return str(blake3(raw, key=self._tag_key).hexdigest())

    def wrapped_by(self, keyring: Keyring) -> Wrapped:
        """Return the secret, readable with the keyring's newest key."""
        key_id, key = keyring.newest
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(_derive(_WRAP, key)).encrypt(nonce, self._secret, key_id.encode())
        words = {"key_id": key_id, "nonce": nonce.hex(), "sealed": sealed.hex()}
        return Wrapped(**words, check=_check(*words.values()))


class Keyring:
    """Master keys by their id, the newest last."""

    def __init__(self, keys: list[bytes]) -> None:
        self._keys: dict[str, bytes] = {}
        for key in keys:  # One that stands there twice is as new as where it stands last.
            self._keys.pop(key_id_of(key), None)
            self._keys[key_id_of(key)] = key

    @classmethod
    def read(cls, key_ref: str | None) -> Keyring | None:
        """Read the keyring a plan names: `file:PATH` or `env:NAME`; None where it names none.

        Raises:
            KeyTrouble: It is absent, or a line of it is not a key.
        """
        if key_ref is None:
            return None
        kind, _, where = key_ref.partition(":")
        if kind not in ("file", "env") or not where:
            raise KeyTrouble(
                f"stores.key_ref is {key_ref!r}; keys are read from file:PATH or env:NAME.",
                fix="Name one of the two; let the launcher fetch a KMS key into it.",
            )
        lines = _text_of(kind, where, key_ref).split()
        if not lines:
            raise KeyTrouble(f"{key_ref} holds no key.", fix="Make one: openssl rand -hex 32.")
        return cls([_key_of(line, key_ref, number) for number, line in enumerate(lines, 1)])

    @property
    def newest(self) -> tuple[str, bytes]:
        """The id and bytes of the key that wraps."""
        return list(self._keys.items())[-1]

    def unwrap(self, wrapped: Wrapped) -> RunSecret:
        """Return the secret in a manifest.

        Raises:
            KeyTrouble: None of the keys is the one that wrapped it.
        """
        key = self._keys.get(wrapped.key_id)
        if key is None:
            known = ", ".join(self._keys)
            raise KeyTrouble(
                f"The checkpoint is sealed with key {wrapped.key_id}; the keyring holds {known}.",
                fix="Add that key to the keyring, above the newest.",
            )
        cipher = AESGCM(_derive(_WRAP, key))
        try:
            secret = cipher.decrypt(
                bytes.fromhex(wrapped.nonce), bytes.fromhex(wrapped.sealed), wrapped.key_id.encode()
            )
        except (InvalidTag, ValueError):
            raise KeyTrouble(
                "The wrapped run secret was changed or cut.", fix="Take an older checkpoint."
            ) from None
        return RunSecret(secret)


def key_id_of(key: bytes) -> str:
    """Return the public name of a master key."""
    return str(blake3(key, derive_key_context="lowtide checkpoint v2 key id").hexdigest()[:16])


def nonce_of(counter: int) -> bytes:
    """Return the nonce of a frame: its number under its data key."""
    return counter.to_bytes(NONCE_BYTES, "little")


def _check(*words: str) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]


def _derive(context: str, material: bytes) -> bytes:
    return blake3(material, derive_key_context=context).digest()


def _text_of(kind: str, where: str, key_ref: str) -> str:
    try:
        return Path(where).read_text() if kind == "file" else os.environ[where]
    except (OSError, KeyError, UnicodeDecodeError):
        raise KeyTrouble(f"{key_ref} cannot be read.", fix="Put the keyring there, or correct it.") from None


def _key_of(line: str, key_ref: str, number: int) -> bytes:
    try:
        key = bytes.fromhex(line) if len(line) == 2 * KEY_BYTES else base64.b64decode(line, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyTrouble(
            f"Key {number} of {key_ref} is not {KEY_BYTES} bytes in hex or base64.",
            fix="Make one: openssl rand -hex 32.",
        )
    return key
