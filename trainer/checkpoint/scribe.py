"""The hand that writes: keeps a writer at work through a session, and replaces one that was lost."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..errors import TrainerError
from ..plan import Plan
from .addresses import near_url
from .arena import Arena
from .committing import Taken, commit_together, write_together
from .hiring import hire
from .ranks import RankLost, Ranks
from .relay import Local, Relay
from .saves import Committed, Save
from .worker import Told
from .writing import WriterLost, Writing

Adopted = tuple[int, list[str], str | None, int]  # As `Writing.adopt` takes it.


class Scribe:
    """Has saves written and committed, as one rank.

    Args:
        told: Hears of each copy that was made, and each save that was carried, from another thread.
        relay: Where saves are carried from the disks of several nodes.
    """

    def __init__(self, plan: Plan, ranks: Ranks, arena: Arena, told: Told, relay: Relay) -> None:
        self._plan, self._ranks, self._arena, self._told = plan, ranks, arena, told
        self._relay, self.is_relayed = relay, near_url(plan) is not None
        self._beside = ranks.beside()  # For the thread that saves.
        self._life, self._owed = "", tuple[str, ...]()
        self._writing: Writing | None = None
        self._wrapped: dict[str, Any] | None = None  # The run secret, once a writer made it.
        self._adopted: Adopted | None = None  # What was restored or committed last.
        self._is_given_up = False

    @property
    def writing(self) -> Writing:
        """Who writes now."""
        assert self._writing is not None, "open comes first"
        return self._writing

    def open(self, life: str, owed: Sequence[str]) -> None:
        """Begin; see `hire`."""
        self._life, self._owed = life, tuple(owed)
        self._writing = self._hire()

    def _hire(self) -> Writing:
        return hire(
            self._plan,
            self._ranks,
            self._arena,
            life=self._life,
            owed=self._owed,
            told=self._told,
            wrapped=self._wrapped,
        )

    def go_on_from(self, generation: int, damaged: Sequence[str], url: str | None, floor: int) -> None:
        """Go on from a checkpoint; see `Writing.adopt`."""
        self._adopted = generation, list(damaged), url, floor
        self.writing.adopt(*self._adopted)

    def _committed(self, generation: int | None) -> None:
        if generation is not None:
            floor = 0 if self._adopted is None else self._adopted[-1]
            self._adopted = generation, [], None, floor

    def commit(self, save: Save, captured_bytes: int, began: float) -> tuple[Committed | None, Taken]:
        """Write and commit; return what was committed, on rank 0, and what rank 0 knows of its time.

        On several nodes nothing is committed yet: it is written to their disks, and the relay told.

        Raises:
            WriterLost: The writer ended, and so did the one after it, or it was given up.
        """
        try:
            return self._commit(save, captured_bytes, began)
        except WriterLost:
            if self._ranks.world_size > 1 and not self._is_given_up:
                self.renew()  # For the next save; the other ranks have given this one up.
            raise

    def _commit(self, save: Save, captured_bytes: int, began: float) -> tuple[Committed | None, Taken]:
        if self.is_relayed:
            entries = write_together(self._beside, self.writing, save)
            if self._ranks.rank == 0:
                self.writing.draft(save.save_id, entries)
            self._relay.written(Local(save=save, entries=entries, bytes=captured_bytes, began=began))
            return None, Taken(commit_s=0.0, copy_bytes_per_s=None)
        if self._ranks.world_size > 1:
            done, taken = commit_together(self._beside, self.writing, save)
        else:
            done = self._commit_alone(save)
            taken = Taken(
                commit_s=done.commit_s,
                copy_bytes_per_s=save.uplink_bytes_per_s,
                generation=done.manifest.generation,
            )
        self._committed(taken.generation)
        return done, taken

    def _commit_alone(self, save: Save) -> Committed:
        """Save; where the writer process was killed, again with a new one: the arena still holds it all."""
        try:
            return self.writing.save(save)
        except WriterLost:
            if self._is_given_up:
                raise
            self.renew()
            return self.writing.save(replace(save, save_id=f"{save.save_id}-again"))

    def hear(self, news: dict[str, Any]) -> None:
        """Do what rank 0 said of saves that are carried."""
        for each in news["learn"]:
            self._committed(each["generation"])
        try:
            self._relay.hear(news, self.writing)
        except TrainerError as trouble:  # The next save meets it too, and raises.
            print(f"lowtide-run: {trouble}", file=sys.stderr)

    @property
    def may_give_up(self) -> bool:
        """Whether a save on its way can be given up: by a writer that is another process."""
        return hasattr(self.writing, "kill")

    def give_up(self) -> None:
        """End the writer in the middle of its save, which then never was; `renew` comes next."""
        self._is_given_up = True
        self.writing.kill()  # type: ignore[attr-defined]

    def renew(self) -> None:
        """Have another writer go on, with the run secret of the one before."""
        with contextlib.suppress(WriterLost):
            self._wrapped = self.writing.wrapped()
        self.writing.close()
        self._writing = self._hire()
        self._is_given_up = False
        self._relay.forget()
        if self._adopted is not None:
            self.writing.adopt(*self._adopted)

    def sweep(self) -> None:
        """Remove what is older; where that fails the checkpoint stands all the same."""
        try:
            self.writing.sweep()
        except (TrainerError, OSError) as trouble:
            print(f"lowtide-run: older checkpoints were left: {trouble}", file=sys.stderr)

    def close(self, within_s: float) -> None:
        """End the writer; copies are waited for so long."""
        if self._writing is None:
            return
        until = time.monotonic() + within_s
        with contextlib.suppress(WriterLost):
            is_done = within_s <= 0 or (self._relay_last(until) and self._drain(until))
            if not is_done:
                print("lowtide-run: not every copy of the newest checkpoint was made", file=sys.stderr)
        self._writing.close()

    def _drain(self, until: float) -> bool:
        return self.writing.drain(max(0.0, until - time.monotonic()))

    def _relay_last(self, until: float) -> bool:
        """Have the newest save carried, all ranks together; return whether it was."""
        if not self.is_relayed:
            return True
        for turn in (1, 2, 3):  # The one on its way, the newest, and the word that it is done.
            is_done, news = True, None
            if self._ranks.rank == 0:
                is_done = self._relay.wait(until)
                news = self._relay.news(is_last=True) if is_done else None
                is_done = is_done and (bool(news and news["carry"]) or not self._relay.is_lost)
            left_s = max(1.0, until - time.monotonic() + 1.0)
            try:
                is_done, news = self._beside.gather(f"last-{turn}", [is_done, news], within_s=left_s)[0]
            except RankLost as lost:
                print(f"lowtide-run: {lost}", file=sys.stderr)
                return False
            if news is not None:
                self.hear(news)
            if not is_done or news is None or news["carry"] is None:
                return bool(is_done)
        return True
