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
import traceback
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, BinaryIO

from ..crash import die_with
from ..errors import TrainerError
from ..fields import read, to_dict
from .carrying import Carried
from .manifest import BadManifest, Manifest, Parent, RankEntry
from .node_shelf import NodeShelf
from .replicate import Replicated
from .saves import Coded, Committed, Save
from .shelf import Shelf

Told = Callable[[Replicated | Carried], None]


def shelf_of(settings: dict[str, Any], told: Told) -> Shelf:
    """Return what works for these settings: on a node that is one of several, its disk comes first."""
    return Shelf(settings, told) if settings["near"] is None else NodeShelf(settings, told)


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
        except Exception as trouble:  # Whatever it is, somebody waits for an answer.
            answer = {"trouble": _trouble(trouble)}
        self._say(answer or {})

    def _open(self, **settings: Any) -> dict[str, Any]:
        self._shelf = shelf_of(settings, lambda told: self._say(_told(told)))
        return {"wrapped": self._shelf.wrapped()}

    def _adopt(self, generation: int, damaged: list[str], url: str | None, floor: int) -> None:
        self._the_shelf.adopt(generation, damaged, url, floor)

    def _write(self, save: dict[str, Any]) -> dict[str, Any]:
        asked = Save(**{**save, "cuts": tuple(save["cuts"])})
        return {"entry": to_dict(self._the_shelf.write(asked, self._stretch(asked)))}

    def _commit(self, save_id: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        return _committed(self._the_shelf.commit(save_id, [RankEntry(**each) for each in entries]))

    def _save(self, save: dict[str, Any]) -> dict[str, Any]:
        """Write and commit, for a run of one rank: nothing more is needed from the trainer."""
        entry = self._write(save)["entry"]
        return self._commit(save["save_id"], [entry])

    def _draft(self, save_id: str, entries: list[dict[str, Any]]) -> None:
        self._node_shelf.draft(save_id, [RankEntry(**each) for each in entries])

    def _carry(self, save_id: str, entries: list[dict[str, Any]]) -> None:
        self._node_shelf.carry(save_id, [RankEntry(**each) for each in entries])

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

    @property
    def _node_shelf(self) -> NodeShelf:
        assert isinstance(self._shelf, NodeShelf), "only a node of several carries"
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


def _told(told: Replicated | Carried) -> dict[str, Any]:
    """Return what is said of a copy, or of a save that was carried, without being asked."""
    if isinstance(told, Replicated):
        return {"replicated": asdict(told)}
    return {
        "carried": {
            "save_id": told.save_id,
            "bytes": told.bytes,
            "seconds": told.seconds,
            "committed": None if told.committed is None else _committed(told.committed),
            "trouble": None if told.trouble is None else _trouble(told.trouble),
        }
    }


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


def _trouble(trouble: Exception) -> dict[str, Any]:
    if isinstance(trouble, OSError):
        return {"kind": "OSError", "errno": trouble.errno, "seen": str(trouble)}
    if isinstance(trouble, TrainerError):
        return {"kind": type(trouble).__name__, "seen": trouble.seen, "fix": trouble.fix}
    traceback.print_exception(trouble)
    seen = f"The writer met {type(trouble).__name__}: {trouble}."
    return {"kind": "TrainerError", "seen": seen, "fix": "Report it; the last committed checkpoint stands."}


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
