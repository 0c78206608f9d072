"""What this attempt's saves and copies have taken so far, for whoever has to say what still fits.

A save's speed is its captured bytes over the seconds from the capture until they stand, so that hashing,
codec and blocks that were stored already are in it. What follows, manifests and root, takes as long for a
small save as for a large one, and is counted apart. No torch here.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

from .keyframes import KEYFRAME_EVERY
from .ladder import Speeds
from .replicate import Replicated
from .saves import Committed

Tier = Literal["W", "F", "E"]
KEPT = 30
LEAST_COPIED_BYTES = 1  # A copy of what stood there already says nothing about the way.


class Ledger:
    """Kept by one rank.

    Args:
        far_url: The store in which a checkpoint is safe from this machine's loss, where it is copied there
            after its commit; None where none is, or where it is committed there.
        retention: Newest checkpoints kept; an older one is not copied any more.
        copies_own: Each rank carries its own part there; otherwise rank 0 copies all.
    """

    def __init__(self, far_url: str | None, *, retention: int, copies_own: bool = False) -> None:
        self.far_url, self._retention, self._copies_own = far_url, retention, copies_own
        self._taken: deque[float] = deque(maxlen=KEPT)
        self._light: deque[float] = deque(maxlen=KEPT)
        self._commit_s: deque[float] = deque(maxlen=KEPT)
        self._copied: deque[float] = deque(maxlen=KEPT)
        self._shares: dict[str, float] = {}  # By tier: stored bytes of captured ones, in the last save.
        self._unsent: dict[int, int] = {}  # Bytes by generation: committed here and copied nowhere yet.
        self._light_saves = 0
        self.told_copy_bytes_per_s: float | None = None  # This rank's share, as rank 0 says it.

    def took(self, tier: Tier, captured_bytes: int, seconds: float, commit_s: float = 0.0) -> None:
        """Take note of a save that was committed; the last `commit_s` of its seconds were the commit's."""
        self._light_saves += tier == "W"
        if seconds > commit_s:
            (self._light if tier == "W" else self._taken).append(captured_bytes / (seconds - commit_s))
            self._commit_s.append(commit_s)

    def committed(self, done: Committed, captured_bytes: int) -> None:
        """Take note of what was committed, as the rank that committed it."""
        manifest = done.manifest
        self._shares[manifest.tier] = share = done.stored_bytes / max(1, captured_bytes)
        if self.far_url is not None:
            self._unsent[manifest.generation] = int(manifest.bytes * share)
            self._unsent = dict(sorted(self._unsent.items())[-self._retention :])

    def copied(self, copy: Replicated) -> None:
        """Take note of a copy."""
        if self.far_url is None or not copy.url.startswith(f"{self.far_url}/"):
            return
        self._unsent.pop(copy.generation, None)
        if copy.bytes >= LEAST_COPIED_BYTES and copy.seconds > 0:
            self._copied.append(copy.bytes / copy.seconds)

    def local(self, step: int, tier: Tier, captured_bytes: int) -> None:
        """Take note of this rank's part of a save that stands on its node alone."""
        self._unsent = {step: int(captured_bytes * self._shares.get(tier, 1.0))}

    def carried(self, step: int, tier: Tier, captured_bytes: int, sent_bytes: int, seconds: float) -> None:
        """Take note that this rank's part was carried."""
        self._shares[tier] = sent_bytes / max(1, captured_bytes)
        self._unsent = {each: size for each, size in self._unsent.items() if each > step}
        if sent_bytes >= LEAST_COPIED_BYTES and seconds > 0:
            self._copied.append(sent_bytes / seconds)

    @property
    def speeds(self) -> Speeds:
        """What was measured."""
        return Speeds(
            bytes_per_s=tuple(self._taken),
            commit_s=tuple(self._commit_s),
            light_bytes_per_s=tuple(self._light),
            copy_bytes_per_s=tuple(self._copied),
        )

    def copy_bytes_per_s(self, ranks: int) -> float | None:
        """Return one rank's share of the speed that half of the copies reached; None for none known.

        Where rank 0 copies everybody's blocks it tells the others.
        """
        ordered, sharers = sorted(self._copied), 1 if self._copies_own else ranks
        return ordered[(len(ordered) - 1) // 2] / sharers if ordered else self.told_copy_bytes_per_s

    @property
    def may_measure_from_a_keyframe(self) -> bool:
        """Whether the next light save is measured from a former one, and that one's speed is known."""
        since_keyframe = (self._light_saves - 1) % (KEYFRAME_EVERY + 1)
        return bool(self._light) and since_keyframe < KEYFRAME_EVERY

    @property
    def unsent_bytes(self) -> int:
        """Bytes of the newest checkpoint that stands on this machine alone."""
        return self._unsent[max(self._unsent)] if self._unsent else 0

    def copied_bytes(self, tier: Tier, captured_bytes: int, *, ranks: int = 1) -> int:
        """Return what a new save would have to send, a copy on its way before it included."""
        if self.far_url is None:
            return 0
        own = captured_bytes * (1 if self._copies_own else ranks) * self._shares.get(tier, 1.0)
        return int(own + max(self._unsent.values(), default=0))
