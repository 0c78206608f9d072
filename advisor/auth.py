"""Who may ask what: bearer keys with scopes, known here by their hashes alone.

On loopback without keys everything is open; off loopback without keys the service does not
start. With keys set every route needs its scope, and admin has them all. A key is a long
random string, so a plain SHA-256 of it tells nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import Request

from model.errors import ImpossibleInput

SCOPES = ("read", "recommend", "run", "admin")
WRITTEN = re.compile(r"([0-9a-f]{64}):([a-z, ]+)")


class Unauthenticated(ImpossibleInput):
    """No key, or one that nobody was given."""

    slug = "unauthenticated"


class Forbidden(ImpossibleInput):
    """A good key without the scope of the route."""

    slug = "forbidden"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its hash and what it may do."""

    sha256: str
    scopes: frozenset[str]

    @classmethod
    def parse(cls, written: str) -> Key:
        """Read `<sha256 of the key, hex>:<scope>,<scope>`.

        Raises:
            ImpossibleInput: It is not of that form, or names an unknown scope.
        """
        found = WRITTEN.fullmatch(written.strip())
        scopes = frozenset(re.split(r"[, ]+", found[2].strip(", "))) if found else frozenset()
        if found is None or not scopes or not scopes <= set(SCOPES):
            raise ImpossibleInput(
                "A key hash in the settings is not of the form sha256:scope,scope.",
                fix=f"Write 64 hex digits, a colon, and scopes among {', '.join(SCOPES)}.",
            )
        return cls(found[1], scopes)


def refuse_open_binding(host: str, keys: Sequence[Key]) -> None:
    """Refuse to listen off loopback for everybody.

    Raises:
        ImpossibleInput: The host is not loopback and no key is set.
    """
    if not keys and not is_loopback(host):
        raise ImpossibleInput(
            f"The service would listen on {host} without keys, open to everybody who reaches it.",
            fix="Set key_hashes in lowtide.toml (or LOWTIDE_KEY_HASHES), or use --host 127.0.0.1.",
        )


def is_loopback(host: str) -> bool:
    """True where only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def needs(scope: str) -> Callable[[Request], None]:
    """Return the dependency of a route that needs a scope."""

    def check(request: Request) -> None:
        keys: Sequence[Key] = request.app.state.keys
        if keys:
            _check(keys, request.headers.get("authorization", ""), scope)

    return check


def _check(keys: Sequence[Key], header: str, scope: str) -> None:
    word, _, token = header.partition(" ")
    digest = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).hexdigest()
    found = [key for key in keys if hmac.compare_digest(key.sha256, digest)]
    if word.lower() != "bearer" or not found:
        raise Unauthenticated(
            "The request carries no key of this service.",
            fix="Send Authorization: Bearer KEY (LOWTIDE_TOKEN).",
        )
    if not {scope, "admin"} & found[0].scopes:
        raise Forbidden(f"This route needs the scope {scope}.", fix="Use a key that has it.")
