"""The writer process: hashes, seals and writes what lies in the arena, so that training need not.

It speaks JSON lines, one answer per order, and knows no torch. When its orders end in the middle of a save,
because the trainer was killed, it finishes that save first: what was sealed is not lost with the trainer.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, BinaryIO

from ..crash import die_with
from ..errors import TrainerError
from ..fields import read, to_dict
from .crypt import Keyring, Wrapped
from .manifest import BadManifest, Manifest, Parent, RankEntry
from .replicate import Replicated, Replicator
from .retention import Retention, sweep
from .saver import Saver
from .saves import Coded, Committed, Save
from .stores import open_store

# A sweep reads the newest checkpoint back before it removes any: of a bucket that is not done at every save.
SWEEP_REPLICAS_EVERY_S = 3600.0


class Shelf:
    """What both the writer process and a trainer without one do: save, commit, copy, keep what is to be kept.

    Args:
        told: Hears of every copy that was made, from another thread.
    """

    def __init__(self, settings: dict[str, Any], told: Callable[[Replicated], None]) -> None:
        wrapped, self._keyring = settings["wrapped"], Keyring.read(settings["key_ref"])
        self.saver = Saver(
            open_store(settings["url"]),
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

    def wrapped(self) -> dict[str, Any] | None:
        """Return the run secret for the other ranks, sealed."""
        return None if self.saver.wrapped is None else to_dict(self.saver.wrapped)

    def adopt(self, generation: int, damaged: list[str], url: str | None) -> None:
        """Go on from a checkpoint; `url` is the store that holds it, None for our own."""
        elsewhere = None if url is None else open_store(url)
        self.saver.adopt(generation, frozenset(damaged), elsewhere)

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

    def sweep(self) -> None:
        """Remove what retention lets go of."""
        swept = sweep(self.saver.store, self._retention, keyring=self._keyring, grace_s=0, thoroughly=False)
        if swept.refused is not None:
            print(f"lowtide-run: older checkpoints were left: {swept.refused}", file=sys.stderr)
        if self._replicas and time.monotonic() - self._swept_at >= SWEEP_REPLICAS_EVERY_S:
            self._swept_at = time.monotonic()
            threading.Thread(target=self.sweep_replicas, name="sweep", daemon=True).start()

    def sweep_replicas(self) -> None:
        """Remove from the other stores what retention lets go of; a node that may not is told so."""
        with self._sweeping:
            for store in self._replicas:
                try:
                    swept = sweep(store, self._retention, keyring=self._keyring, thoroughly=False)
                except (TrainerError, OSError) as trouble:
                    print(f"lowtide-run: {store.url} was not swept: {trouble}", file=sys.stderr)
                    continue
                if swept.refused is not None:
                    print(f"lowtide-run: {store.url} was not swept: {swept.refused}", file=sys.stderr)


class Worker:
    """Obeys orders until they end."""

    def __init__(self, arena: int, answers: BinaryIO) -> None:
        self._arena, self._answers = arena, answers
        self._memory: mmap.mmap | None = None
        self._shelf: Shelf | None = None
        self._turn = threading.Lock()

    def obey(self, order: dict[str, Any]) -> None:
        """Carry one order out and answer it."""
        try:
            answer = getattr(self, f"_{order.pop('do')}")(**order)
        except (TrainerError, OSError) as trouble:
            answer = {"trouble": _trouble(trouble)}
        self._say(answer or {})

    def _open(self, **settings: Any) -> dict[str, Any]:
        self._shelf = Shelf(settings, lambda copy: self._say({"replicated": asdict(copy)}))
        return {"wrapped": self._shelf.wrapped()}

    def _adopt(self, generation: int, damaged: list[str], url: str | None) -> None:
        self._the_shelf.adopt(generation, damaged, url)

    def _write(self, save: dict[str, Any]) -> dict[str, Any]:
        asked = Save(**{**save, "cuts": tuple(save["cuts"])})
        return {"entry": to_dict(self._the_shelf.write(asked, self._stretch(asked)))}

    def _commit(self, save_id: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        return _committed(self._the_shelf.commit(save_id, [RankEntry(**each) for each in entries]))

    def _save(self, save: dict[str, Any]) -> dict[str, Any]:
        """Write and commit, for a run of one rank: nothing more is needed from the trainer."""
        entry = self._write(save)["entry"]
        return self._commit(save["save_id"], [entry])

    def _learn(self, save_id: str, generation: int, sha256: str) -> None:
        self._the_shelf.learn(save_id, Parent(generation=generation, sha256=sha256))

    def _sweep(self) -> None:
        self._the_shelf.sweep()

    def _drain(self, within_s: float) -> dict[str, Any]:
        return {"drained": self._the_shelf.drain(within_s)}

    @property
    def _the_shelf(self) -> Shelf:
        assert self._shelf is not None, "the first order is open"
        return self._shelf

    def _stretch(self, save: Save) -> memoryview:
        end = save.payload_bytes + save.header_bytes
        if self._memory is None or len(self._memory) < end:
            self._memory = mmap.mmap(self._arena, os.fstat(self._arena).st_size, prot=mmap.PROT_READ)
        return memoryview(self._memory)[:end]

    def _say(self, answer: dict[str, Any]) -> None:
        with self._turn, contextlib.suppress(BrokenPipeError):  # The trainer is gone; what is saved is saved.
            self._answers.write(json.dumps(answer).encode() + b"\n")
            self._answers.flush()


def _committed(done: Committed) -> dict[str, Any]:
    return {
        "manifest": to_dict(done.manifest),
        "sha256": done.sha256,
        "key": done.key,
        "stored_bytes": done.stored_bytes,
        "commit_s": done.commit_s,
        "coded": None if done.coded is None else asdict(done.coded),
    }


def committed_from(answer: dict[str, Any]) -> Committed:
    """Return what an answer tells."""
    return Committed(
        manifest=read(Manifest, answer["manifest"], "manifest", BadManifest),
        sha256=answer["sha256"],
        key=answer["key"],
        stored_bytes=answer["stored_bytes"],
        commit_s=answer["commit_s"],
        coded=None if answer["coded"] is None else Coded(**answer["coded"]),
    )


def save_order(save: Save) -> dict[str, Any]:
    """Return a save as an order carries it."""
    return asdict(save)


def _trouble(trouble: TrainerError | OSError) -> dict[str, Any]:
    if isinstance(trouble, OSError):
        return {"kind": "OSError", "errno": trouble.errno, "seen": str(trouble)}
    return {"kind": type(trouble).__name__, "seen": trouble.seen, "fix": trouble.fix}


def main(arena: int) -> None:
    """Serve orders from standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # A terminal's Ctrl-C reaches the whole group.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # As does a cloud's notice; the trainer says when to end.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    die_with(os.getppid())
    worker = Worker(arena, sys.stdout.buffer)
    worker._say({"ready": os.getpid()})
    for line in sys.stdin.buffer:
        worker.obey(json.loads(line))
