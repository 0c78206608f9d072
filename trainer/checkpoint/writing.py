"""Where saves are written from: this process, or a writer process beside it. Both answer alike."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from .. import errors
from ..errors import TrainerError
from ..fields import to_dict
from . import crypt, stores
from .arena import Arena
from .carrying import Carried
from .hearing import tell
from .manifest import Parent, RankEntry
from .node_shelf import NodeShelf
from .replicate import Replicated
from .saves import Committed, Save
from .worker import Told, committed_from, save_order, shelf_of

BOOT = Path(__file__).with_name("worker_boot.py")


class WriterLost(TrainerError):
    """The writer process ended in the middle of an order."""

    exit_code = 4


class Writing(Protocol):
    """Writes what lies in the arena. Every call blocks until it is done."""

    def wrapped(self) -> dict[str, Any] | None:
        """Return the run secret for the other ranks, sealed."""

    def adopt(self, generation: int, damaged: list[str], url: str | None, floor: int = 0) -> None:
        """Go on from a checkpoint, of the store at `url` or else the first; numbers to `floor` are taken."""

    def write(self, save: Save) -> RankEntry:
        """Write this rank's part; raises what `Saver.write` does."""

    def commit(self, save_id: str, entries: list[RankEntry]) -> Committed:
        """Commit what all ranks have written."""

    def save(self, save: Save) -> Committed:
        """Write and commit, where this is the only rank."""

    def learn(self, save_id: str, committed: Parent) -> None:
        """Take note that rank 0 committed."""

    def draft(self, save_id: str, entries: list[RankEntry]) -> None:
        """Say, as rank 0 on a node of several, that a save is local everywhere."""

    def carry(self, save_id: str, entries: list[RankEntry]) -> None:
        """Have this rank's part carried to the store that all nodes share; returns at once."""

    def sweep(self) -> None:
        """Remove what retention lets go of."""

    def drain(self, within_s: float) -> bool:
        """Wait until every copy in the other stores is made; False where some are not."""

    def close(self) -> None:
        """End it; what was ordered is done first."""


class InProcess:
    """Writes from this very process."""

    def __init__(self, arena: Arena, settings: dict[str, Any], told: Told) -> None:
        self._arena, self._shelf = arena, shelf_of(settings, told)
        self.wrapped, self.adopt = self._shelf.wrapped, self._shelf.adopt
        self.commit, self.learn, self.sweep = self._shelf.commit, self._shelf.learn, self._shelf.sweep
        self.drain, self.close = self._shelf.drain, self._shelf.close
        if isinstance(self._shelf, NodeShelf):
            self.draft, self.carry = self._shelf.draft, self._shelf.carry

    def write(self, save: Save) -> RankEntry:
        """Write this rank's part."""
        return self._shelf.write(save, self._arena.memory[: save.payload_bytes + save.header_bytes])

    def save(self, save: Save) -> Committed:
        """Write and commit."""
        return self.commit(save.save_id, [self.write(save)])


class Process:
    """Orders a writer process about. It is started at once, so that the first save finds it warm."""

    def __init__(self, arena: Arena, settings: dict[str, Any], told: Told) -> None:
        self._turn, self._told = threading.Lock(), told
        self._answers: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        boot = [sys.executable, "-P", str(BOOT), str(arena.file)]
        self._child = subprocess.Popen(
            boot, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(arena.file,)
        )
        threading.Thread(target=self._hear, name="writer", daemon=True).start()
        self._is_open, self._settings = False, settings
        self._wrapped: dict[str, Any] | None = None

    @property
    def pid(self) -> int:
        """The writer's process id."""
        return self._child.pid

    def wrapped(self) -> dict[str, Any] | None:
        """Return the run secret for the other ranks, sealed."""
        with self._turn:
            self._open_once()
        return self._wrapped

    def adopt(self, generation: int, damaged: list[str], url: str | None, floor: int = 0) -> None:
        """Go on from a checkpoint."""
        self._ask("adopt", generation=generation, damaged=damaged, url=url, floor=floor)

    def write(self, save: Save) -> RankEntry:
        """Write this rank's part."""
        return RankEntry(**self._ask("write", save=save_order(save))["entry"])

    def commit(self, save_id: str, entries: list[RankEntry]) -> Committed:
        """Commit what all ranks have written."""
        rows = [to_dict(each) for each in entries]
        return committed_from(self._ask("commit", save_id=save_id, entries=rows))

    def save(self, save: Save) -> Committed:
        """Write and commit."""
        return committed_from(self._ask("save", save=save_order(save)))

    def learn(self, save_id: str, committed: Parent) -> None:
        """Take note that rank 0 committed."""
        self._ask("learn", save_id=save_id, **to_dict(committed))

    def draft(self, save_id: str, entries: list[RankEntry]) -> None:
        """Say that a save is local everywhere."""
        self._ask("draft", save_id=save_id, entries=[to_dict(each) for each in entries])

    def carry(self, save_id: str, entries: list[RankEntry]) -> None:
        """Have this rank's part carried."""
        self._ask("carry", save_id=save_id, entries=[to_dict(each) for each in entries])

    def sweep(self) -> None:
        """Remove what retention lets go of."""
        self._ask("sweep")

    def drain(self, within_s: float) -> bool:
        """Wait for the copies."""
        return bool(self._ask("drain", within_s=within_s)["drained"])

    def close(self) -> None:
        """End it."""
        with self._turn:
            assert self._child.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                self._child.stdin.close()
            self._child.wait()

    def kill(self) -> None:
        """End it in the middle of what it does; whoever waits for an answer meets WriterLost."""
        self._child.kill()

    def _ask(self, do: str, **order: Any) -> dict[str, Any]:
        with self._turn:
            self._open_once()
            return self._exchange({"do": do, **order})

    def _open_once(self) -> None:
        """Wait until it is up, and tell it what it works for; no sooner than it is needed."""
        if not self._is_open:
            self._answer()
            self._wrapped = self._exchange({"do": "open", **self._settings})["wrapped"]
            self._is_open = True

    def _exchange(self, order: dict[str, Any]) -> dict[str, Any]:
        self._tell(order)
        answer = self._answer()
        if "trouble" in answer:
            raise _trouble(answer["trouble"])
        return answer

    def _tell(self, order: dict[str, Any]) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(order).encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            raise self._lost() from None

    def _hear(self) -> None:
        """Pass on what the writer says: answers to who asked, copies that were made to whoever cares."""
        assert self._child.stdout is not None
        try:
            with self._child.stdout:
                for line in self._child.stdout:
                    said = json.loads(line)
                    if "replicated" in said:
                        tell(self._told, Replicated(**said["replicated"]))
                    elif "carried" in said:
                        tell(self._told, carried_from(said["carried"]))
                    else:
                        self._answers.put(said)
        finally:
            self._answers.put(None)

    def _answer(self) -> dict[str, Any]:
        answer = self._answers.get()
        if answer is None:
            self._answers.put(None)  # For whoever asks again.
            raise self._lost()
        return answer

    def _lost(self) -> WriterLost:
        return WriterLost(
            f"The writer process ended with {self._child.wait()} before it had answered.",
            fix="Look for an out-of-memory kill; the last committed checkpoint stands.",
        )


def carried_from(told: dict[str, Any]) -> Carried:
    """Return what the writer process said of a save it carried."""
    done, trouble = told["committed"], told["trouble"]
    return Carried(
        save_id=told["save_id"],
        bytes=told["bytes"],
        seconds=told["seconds"],
        committed=None if done is None else committed_from(done),
        trouble=None if trouble is None else _trouble(trouble),  # type: ignore[arg-type]
    )


def _trouble(told: dict[str, Any]) -> Exception:
    """Return the error of the writer process as if it had been raised here."""
    if told["kind"] == "OSError":
        code = told["errno"] or errno.EIO
        return OSError(code, f"{os.strerror(code)} (writing a checkpoint: {told['seen']})")
    for module in (errors, crypt, stores):
        kind = getattr(module, told["kind"], None)
        if kind is not None:
            return kind(told["seen"], fix=told["fix"])  # type: ignore[no-any-return]
    return TrainerError(told["seen"], fix=told["fix"])
