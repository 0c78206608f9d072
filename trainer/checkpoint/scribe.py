"""The hand that writes: keeps a writer at work through a session, and replaces one that was lost."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..errors import TrainerError
from ..plan import Plan
from .arena import Arena
from .committing import Taken, commit_together
from .hiring import hire
from .ranks import Ranks
from .replicate import Replicated
from .saves import Committed, Save
from .writing import WriterLost, Writing


class Scribe:
    """Has saves written and committed, as one rank.

    Args:
        told: Hears of each copy that was made, from another thread.
    """

    def __init__(self, plan: Plan, ranks: Ranks, arena: Arena, told: Callable[[Replicated], None]) -> None:
        self._plan, self._ranks, self._arena, self._told = plan, ranks, arena, told
        self._beside = ranks.beside()  # For the thread that saves.
        self._life, self._owed = "", tuple[str, ...]()
        self._writing: Writing | None = None
        self._newest: int | None = None  # Generation of what was restored or committed last, in our store.
        self._is_given_up = False

    @property
    def writing(self) -> Writing:
        """Who writes now."""
        assert self._writing is not None, "open comes first"
        return self._writing

    def open(self, life: str, owed: Sequence[str]) -> None:
        """Begin; see `hire`."""
        self._life, self._owed = life, tuple(owed)
        self._hire()

    def _hire(self) -> None:
        self._writing = hire(
            self._plan, self._ranks, self._arena, life=self._life, owed=self._owed, told=self._told
        )

    def go_on_from(self, generation: int, damaged: Sequence[str], url: str | None) -> None:
        """Go on from a checkpoint; `url` is the store that holds it, None for ours."""
        self.writing.adopt(generation, sorted(damaged), url)
        self._newest = generation if url is None else None

    def commit(self, save: Save) -> tuple[Committed | None, Taken]:
        """Write and commit; return what was committed, on rank 0, and what rank 0 knows of its time.

        Raises:
            WriterLost: The writer ended, and so did the one after it, or it was given up.
        """
        if self._ranks.world_size > 1:
            done, taken = commit_together(self._beside, self.writing, save)
        else:
            alone = self._commit_alone(save)
            done, taken = alone, Taken(commit_s=alone.commit_s, copy_bytes_per_s=save.uplink_bytes_per_s)
        if done is not None:
            self._newest = done.manifest.generation
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

    @property
    def may_give_up(self) -> bool:
        """Whether a save on its way can be given up: of one rank, by a writer that is another process."""
        return self._ranks.world_size == 1 and hasattr(self.writing, "kill")

    def give_up(self) -> None:
        """End the writer in the middle of its save, which then never was; `renew` comes next."""
        self._is_given_up = True
        self.writing.kill()  # type: ignore[attr-defined]

    def renew(self) -> None:
        """Have another writer go on."""
        self.writing.close()
        self._hire()
        self._is_given_up = False
        if self._newest is not None:
            self.writing.adopt(self._newest, [], None)

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
        with contextlib.suppress(WriterLost):
            if within_s > 0 and not self._writing.drain(within_s):
                print("lowtide-run: not every copy of the newest checkpoint was made", file=sys.stderr)
        self._writing.close()
