"""Carries one rank's parts from its node's disk to the store that all nodes share, one save at a time.

A part is proved before it is sent: what a disk has spoilt does not get into a checkpoint. Rank 0 waits until
every part stands in the shared store, which is where it looks, and creates the root. A rank whose part
cannot come says so there, by an object, so that rank 0 does not wait for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..crash import crash_point
from ..errors import FencedOut, TrainerError
from .crypt import RunSecret
from .fence import Fence
from .frame_index import FrameIndex, frame_id
from .frames import BLOCK_BYTES, BadBlock
from .hearing import tell
from .layout import RANKS, failed_key
from .manifest import BadManifest, Parent, RankEntry, RankManifest, rank_from_bytes, rank_to_bytes
from .node_saver import NodeSaver
from .reading import Reader
from .saves import Committed
from .stores import Absent, DeleteRefused, Store, StoreTrouble
from .transfer import Sent, copy_frames, place_rank

T = TypeVar("T")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
LOOK_EVERY_S = 0.2  # For the other ranks' parts; the longer they take the less often.
LONGEST_LOOK_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A rank's part stands in the shared store, and on rank 0 the whole checkpoint; or it never will."""

    save_id: str
    bytes: int = 0  # Frames of this rank that were sent.
    seconds: float = 0.0
    committed: Committed | None = None  # On rank 0.
    trouble: TrainerError | None = None  # Why it was given up.


class PartLost(TrainerError):
    """A part of a save cannot be carried."""

    exit_code = 4


def carry_part(
    near: Store,
    shared: Store,
    entry: RankEntry,
    index: FrameIndex,
    *,
    run_id: str,
    secret: RunSecret | None,
    bases: Iterable[memoryview] = (),
) -> tuple[int, RankManifest]:
    """Send what the shared store lacks of a part, and the part's manifest; return the bytes sent, and it.

    Args:
        bases: The keyframe's blocks, where the part's are measured from them.

    Raises:
        BadBlock, BadManifest: It is spoilt or gone from this disk. Nothing names what was sent.
        StoreTrouble: A store cannot be used now.
    """
    try:
        rank = rank_from_bytes(near.read(entry.key), entry.sha256)
    except Absent:
        raise BadManifest(f"{entry.key} is gone from {near.url}.", fix="Save again.") from None
    _prove(near, rank, index, run_id, secret, iter(bases))
    sent = Sent()
    moved = copy_frames(near, shared, rank, index, sent, "")
    crash_point("carry.before_part")
    place_rank(shared, entry, rank_to_bytes(moved))
    crash_point("carry.after_part")
    return sent.copied, moved


def _prove(
    near: Store,
    rank: RankManifest,
    index: FrameIndex,
    run_id: str,
    secret: RunSecret | None,
    bases: Iterator[memoryview],
) -> None:
    """Accept a part whose every block that is to be sent verifies."""
    reader, room = Reader.of(near, rank, run_id, secret), memoryview(bytearray(BLOCK_BYTES))
    is_delta = any(block.codec == "d2z" for block in rank.payload)
    for number, block in enumerate(rank.blocks):
        base = next(bases, None) if is_delta and number >= len(rank.header) else None
        if index.place(frame_id(block, rank.salts)) is None:
            if block.codec == "d2z" and base is None:
                raise BadBlock("a delta's keyframe is absent")
            reader.read_into(number, room[: block.bytes], base=base)


class Carrier:
    """A thread that carries what it is told to, and nothing else.

    Args:
        told: Hears how each came out, from the thread.
        fence: Asks whether the shared store is still ours to write to.
    """

    def __init__(
        self,
        saver: NodeSaver,
        *,
        run_id: str,
        rank: int,
        fence: Fence,
        told: Callable[[Carried], None],
        say: Callable[[str], None],
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._saver, self._run_id, self._rank, self._fence = saver, run_id, rank, fence
        self._told, self._say, self._first_pause_s = told, say, first_pause_s
        self._there = FrameIndex()  # Of the newest full checkpoint in the shared store.
        self._moved: dict[str, RankManifest] = {}
        self._wanted: tuple[str, Sequence[RankEntry]] | None = None
        self._change = threading.Condition()
        threading.Thread(target=self._run, name="carry", daemon=True).start()

    def put(self, save_id: str, entries: Sequence[RankEntry]) -> None:
        """Have a save carried; returns at once."""
        with self._change:
            self._wanted = save_id, tuple(entries)
            self._change.notify_all()

    def adopted(self) -> None:
        """Take note of what the saver's checkpoint has in the shared store."""
        self._there.learn_frames("newest", self._saver.frames_there())

    def learn(self, save_id: str, committed: Parent) -> None:
        """Take note that a save was committed; its blocks may be named from now on."""
        moved = self._moved.pop(save_id, None)
        if moved is not None and "-F-" in save_id:
            index = FrameIndex()
            index.learn("newest", moved)
            self._there = index

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._wanted is not None)
                assert self._wanted is not None
                (save_id, entries), self._wanted = self._wanted, None
            tell(self._told, self._carry(save_id, entries))

    def _carry(self, save_id: str, entries: Sequence[RankEntry]) -> Carried:
        began = time.monotonic()
        try:
            sent = self._insist(lambda: self._send(save_id, entries[self._rank]))
            seconds = time.monotonic() - began
            done = None
            if self._rank == 0:
                self._await_parts(save_id, entries)
                done = self._insist(lambda: self._saver.commit(save_id))
            return Carried(save_id=save_id, bytes=sent, seconds=seconds, committed=done)
        except (TrainerError, BadBlock) as met:
            trouble = met if isinstance(met, TrainerError) else PartLost(f"{met}.", fix="Look at the disk.")
            if not isinstance(trouble, FencedOut):
                self._saver.forget_blocks()
                self._give_up(save_id)
            return Carried(save_id=save_id, trouble=trouble)

    def _send(self, save_id: str, entry: RankEntry) -> int:
        self._fence.ask_lease()
        saver = self._saver
        sent, moved = carry_part(
            saver.near,
            saver.store,
            entry,
            self._there,
            run_id=self._run_id,
            secret=saver.secret,
            bases=saver.keyframes.blocks(saver.secret),
        )
        self._moved = {save_id: moved}
        return sent

    def _await_parts(self, save_id: str, entries: Sequence[RankEntry]) -> None:
        """Wait until every rank's manifest stands, which it does after its blob."""
        awaited, pause_s = {entry.key for entry in entries}, LOOK_EVERY_S
        while True:
            here = self._insist(lambda: {each.key for each in self._saver.store.list(f"{RANKS}{save_id}/")})
            failed = [entry.rank for entry in entries if failed_key(save_id, entry.rank) in here]
            if failed:
                raise PartLost(f"Rank {failed[0]} cannot carry its part of {save_id}.", fix="See its log.")
            if awaited <= here:
                return
            time.sleep(pause_s)
            pause_s = min(1.2 * pause_s, LONGEST_LOOK_S)

    def _give_up(self, save_id: str) -> None:
        self._insist(lambda: self._saver.store.create(failed_key(save_id, self._rank), b""))

    def _insist(self, do: Callable[[], T]) -> T:
        """Do it again, after growing pauses, as long as a store cannot be used."""
        pause_s = self._first_pause_s
        while True:
            try:
                return do()
            except DeleteRefused:
                raise
            except (StoreTrouble, OSError) as trouble:
                self._say(f"the newest save is on this node alone: {trouble}")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
