"""The emergency ladder: the best that can still be made safe in what is left of a notice.

From the top: the save on its way, finished; the whole state exactly; weights exactly with moments in bf16;
weights in bf16 alone; the same as distances from a keyframe; the checkpoint that so far stands on this
machine alone, copied away. A rung fits when its bytes, at the slow end of the speeds measured so far, are
written, committed and, where the machine's disk goes with the machine, copied away before the deadline less
a safety margin. Where nothing fits with its copy, what fits without it is saved all the same: a disk may
outlive its machine. A save that does not come through in time is never committed, so trying one loses
nothing but the chance of a smaller one. Pure arithmetic.

Source: notices are 0 to 120 s long; the full state of a 7B model takes 34 s at 2.5 GB/s, bf16 weights 6 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

What = Literal["finish", "exact", "bf16_moments", "bf16_weights", "delta", "flush"]
SAFETY_S = 2.0  # Never more than a quarter of what is left.
SLOW_SHARE = 0.1  # Of the measured speeds a tenth is slower than what we count on.
LONG_SHARE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Speeds:
    """What saves and copies have taken so far: captured bytes per second, and seconds to commit."""

    bytes_per_s: tuple[float, ...] = ()  # Of full and emergency saves.
    commit_s: tuple[float, ...] = ()  # From the last byte to the commit; not in the speeds.
    light_bytes_per_s: tuple[float, ...] = ()  # Of light saves, by the bytes of their bf16 weights.
    copy_bytes_per_s: tuple[float, ...] = ()  # Of copies to where the machine's loss does not reach.

    @property
    def slow_bytes_per_s(self) -> float | None:
        """The speed that nine of ten saves reached; None where none was measured."""
        return _slow(self.bytes_per_s)

    @property
    def long_commit_s(self) -> float:
        """The seconds that nineteen of twenty commits stayed within."""
        return quantile(self.commit_s, LONG_SHARE) if self.commit_s else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One thing that could be done: bytes to write here, then bytes to copy away."""

    what: What
    bytes: int
    copied_bytes: int = 0
    overhead_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a rung takes; None is unknown, and then it is tried."""

    what: What
    bytes: int
    write_s: float | None
    copy_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A rung, or none, and why."""

    rung: What | None
    reason: str


def price(rung: Rung, speeds: Speeds) -> Price:
    """Return the seconds of a rung at the slow end of what was measured."""
    slow = _slow(speeds.light_bytes_per_s if rung.what == "delta" else speeds.bytes_per_s)
    copying = _slow(speeds.copy_bytes_per_s)
    write_s = 0.0 if rung.bytes == 0 else None if slow is None else rung.bytes / slow
    return Price(
        what=rung.what,
        bytes=rung.bytes or rung.copied_bytes,
        write_s=None if write_s is None else write_s + rung.overhead_s,
        copy_s=0.0 if rung.copied_bytes == 0 else None if copying is None else rung.copied_bytes / copying,
    )


def choose(left_s: float, rungs: Sequence[Rung], speeds: Speeds) -> Choice:
    """Return the first rung that fits.

    Args:
        left_s: Seconds until the machine is taken.
        rungs: The best first.
        speeds: Measured in this run, on this machine. Without any the best rung is tried.
    """
    return pick(left_s, [price(each, speeds) for each in rungs], commit_s=speeds.long_commit_s)


def pick(left_s: float, prices: Sequence[Price], *, commit_s: float = 0.0) -> Choice:
    """Return the first that fits with its copy, else the first that fits without."""
    if not prices:
        return Choice(rung=None, reason="There is nothing to save.")
    budget_s = left_s - min(SAFETY_S, left_s / 4) - commit_s
    for each in prices:
        if each.write_s is None:
            return Choice(rung=each.what, reason=f"{each.what}: no save was measured yet, so it is tried.")
        if each.write_s + (each.copy_s or 0.0) <= budget_s:
            return Choice(rung=each.what, reason=_told(each, left_s))
    for each in prices:
        if each.what != "flush" and each.write_s is not None and each.write_s <= budget_s:
            return Choice(rung=each.what, reason=f"{_told(each, left_s)} Only its copy does not fit.")
    return Choice(rung=None, reason=f"{_told(prices[-1], left_s)} {max(0.0, budget_s):.1f} s may be used.")


def worst(of_ranks: Sequence[Sequence[Price]]) -> list[Price]:
    """Return each rung at the price of its slowest rank; only what every rank can do is left."""
    found = []
    for each in of_ranks[0]:
        same = [[other for other in rank if other.what == each.what] for rank in of_ranks]
        if all(same):
            ranks = [one for one, *_ in same]
            found.append(
                Price(
                    what=each.what,
                    bytes=max(one.bytes for one in ranks),
                    write_s=_longest([one.write_s for one in ranks]),
                    copy_s=_longest([one.copy_s for one in ranks if one.copy_s != 0.0] or [0.0]),
                )
            )
    return found


def unfinished_bytes(size: int, elapsed_s: float, speeds: Speeds) -> int:
    """Return what is left to write of a save on its way; of one that is late, still a tenth."""
    done = elapsed_s * (speeds.slow_bytes_per_s or 0.0)
    return int(max(size - done, size / 10))


def _longest(seconds: Sequence[float | None]) -> float | None:
    known = [each for each in seconds if each is not None]
    return None if len(known) < len(seconds) else max(known)


def _told(of: Price, left_s: float) -> str:
    write = "" if not of.write_s else f"{of.write_s:.1f} s to write"
    copy = "" if not of.copy_s else f"{of.copy_s:.1f} s to copy away"
    words = " and ".join(filter(None, (write, copy))) or "no time"
    return f"{of.what}: {of.bytes} bytes take {words}; {left_s:.1f} s are left."


def _slow(speeds: Sequence[float]) -> float | None:
    return quantile(speeds, SLOW_SHARE) if speeds else None


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values lie, the next one down or up on the safe side."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    return ordered[int(place) if share < 0.5 else -int(-place // 1)]
