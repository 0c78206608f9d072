"""Wraps run secrets anew with the newest master key. Blocks stay: their keys come from the secret."""

from __future__ import annotations

from .crypt import Keyring
from .layout import generations, manifest_key
from .manifest import authenticate, root_from_bytes, root_to_bytes
from .stores import Store


def rotate(store: Store, keyring: Keyring) -> list[int]:
    """Re-wrap every root's secret that another key than the newest wraps; return their generations.

    A root keeps its name, which is its body's. Done again after an interruption, it goes on where it stood;
    the old key may be destroyed once this returns for every store.

    Raises:
        KeyTrouble: A root is sealed with a key that the keyring lacks.
        BadManifest: A root cannot be read, or was not written by a holder of its key.
    """
    return [number for number in sorted(generations(store)) if _rotate_one(store, keyring, number)]


def _rotate_one(store: Store, keyring: Keyring, generation: int) -> bool:
    while (found := store.read_tagged(manifest_key(generation))) is not None:
        raw, tag = found
        root = root_from_bytes(raw)
        if root.secret is None or root.secret.key_id == keyring.newest[0]:
            return False
        secret = keyring.unwrap(root.secret)
        authenticate(raw, secret)
        again = root_to_bytes(root.manifest, secret, secret.wrapped_by(keyring))
        if store.swap(manifest_key(generation), again, tag):
            return True
    return False
