"""What both the writer process and a trainer without one do with saves: write, commit, copy, keep some."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from ..errors import TrainerError
from ..fields import read, to_dict
from .crypt import Keyring, Wrapped
from .manifest import BadManifest, Parent, RankEntry
from .replicate import Replicated, Replicator
from .retention import Retention, sweep
from .saver import Saver
from .saves import Committed, Save
from .stores import Store, open_store

# A sweep reads the newest checkpoint back before it removes any: of a bucket that is not done at every save.
SWEEP_REPLICAS_EVERY_S = 3600.0


class Shelf:
    """Saves to one store, and copies from there to the others.

    Args:
        told: Hears of every copy that was made, from another thread.
    """

    def __init__(self, settings: dict[str, Any], told: Callable[[Replicated], None]) -> None:
        wrapped, self._keyring = settings["wrapped"], Keyring.read(settings["key_ref"])
        self.saver = self._saver(
            settings,
            run_id=settings["run_id"],
            epoch=settings["epoch"],
            life=settings["life"],
            keyring=self._keyring,
            wrapped=None if wrapped is None else read(Wrapped, wrapped, "wrapped", BadManifest),
            rank=settings["rank"],
            world_size=settings["world_size"],
        )
        self._retention = Retention(newest=settings["retention"])
        self._replicas = [open_store(url) for url in settings["replicas"]]
        self._swept_at, self._sweeping = time.monotonic(), threading.Lock()
        self._replicator = Replicator(
            self.saver.store,
            self._replicas,
            keyring=self._keyring,
            epoch=settings["epoch"],
            life=settings["life"],
            owed=settings["owed"],
            done=told,
            trouble=lambda seen: print(f"lowtide-run: {seen}", file=sys.stderr),
        )

    def _saver(self, settings: dict[str, Any], **who: Any) -> Saver:
        return Saver(open_store(settings["url"]), **who)

    def wrapped(self) -> dict[str, Any] | None:
        """Return the run secret for the other ranks, sealed."""
        return None if self.saver.wrapped is None else to_dict(self.saver.wrapped)

    def adopt(self, generation: int, damaged: list[str], url: str | None, floor: int = 0) -> None:
        """Go on from a checkpoint; `url` is the store that holds it, None for our own."""
        elsewhere = None if url is None else open_store(url)
        self.saver.adopt(generation, frozenset(damaged), elsewhere)
        self.saver.floor = floor

    def write(self, save: Save, memory: memoryview) -> RankEntry:
        """Write this rank's part."""
        return self.saver.write(save, memory)

    def commit(self, save_id: str, entries: list[RankEntry]) -> Committed:
        """Commit what all ranks have written."""
        done = self.saver.commit(save_id, tuple(entries))
        self._replicator.put(done.manifest.generation)
        return done

    def learn(self, save_id: str, committed: Parent) -> None:
        """Take note that rank 0 committed."""
        self.saver.committed_elsewhere(save_id, committed)

    def drain(self, within_s: float) -> bool:
        """Wait until every copy is made; False where some are not."""
        return self._replicator.drain(within_s)

    def close(self) -> None:
        """End the copies; one on its way is left unfinished, and was never there."""
        self._replicator.close()

    def sweep(self) -> None:
        """Remove what retention lets go of."""
        swept = sweep(self.saver.store, self._retention, keyring=self._keyring, grace_s=0, thoroughly=False)
        if swept.refused is not None:
            print(f"lowtide-run: older checkpoints were left: {swept.refused}", file=sys.stderr)
        if self._replicas:
            self._sweep_now_and_then(self._replicas)

    def _sweep_now_and_then(self, stores: list[Store]) -> None:
        if time.monotonic() - self._swept_at >= SWEEP_REPLICAS_EVERY_S:
            self._swept_at = time.monotonic()
            threading.Thread(target=self._sweep_far, args=(stores,), name="sweep", daemon=True).start()

    def _sweep_far(self, stores: list[Store]) -> None:
        """Remove from stores that take long what retention lets go of; a node that may not is told so."""
        with self._sweeping:
            for store in stores:
                try:
                    swept = sweep(store, self._retention, keyring=self._keyring, thoroughly=False)
                except (TrainerError, OSError) as trouble:
                    print(f"lowtide-run: {store.url} was not swept: {trouble}", file=sys.stderr)
                    continue
                if swept.refused is not None:
                    print(f"lowtide-run: {store.url} was not swept: {swept.refused}", file=sys.stderr)
