"""Creates the root that makes a checkpoint exist, where we may and under a number that nobody has."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from .crypt import RunSecret, Wrapped
from .fence import Fence
from .layout import manifest_key, next_generation
from .manifest import Manifest, root_from_bytes, root_to_bytes
from .reading import refuse_gaps
from .stores import Store


def create_root(
    store: Store, fence: Fence, asked: Manifest, secret: RunSecret | None, wrapped: Wrapped | None
) -> tuple[Manifest, str]:
    """Create a root under the number it asks for or, where that is taken, the next; return it and its name.

    Raises:
        FencedOut: A newer attempt has committed, or has the lease.
        BadManifest: Something of what it names is gone.
    """
    refuse_gaps(store, asked.ranks)
    generation = asked.generation
    while True:
        fence.ask_lease()
        manifest = replace(asked, generation=generation, committed_at=datetime.now(UTC))
        raw = root_to_bytes(manifest, secret, wrapped)
        if store.create(manifest_key(generation), raw):
            return manifest, root_from_bytes(raw).sha256
        fence.ask_newest()  # Another writer took this generation; look who that was.
        generation = max(generation + 1, next_generation(store))  # A listing may be stale.
