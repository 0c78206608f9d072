"""The cloud that repeats recorded history: machines come and go as the probes say they did.

A spot pool is obtainable where the newest probe at that market instant says so, and the machine
is taken back at the pool's next recorded drop. On-demand is always obtainable and never ends.
Nothing is invented: where the record has ended or has a gap, no machine is given and none is
taken, for unknown is neither.

History does not say whether a preemption came with notice, so a seeded order says it: in blocks
of five, three without (SIGKILL at the drop) and two with (SIGTERM first). Notice is best effort
at every provider. A notice cannot be compressed with market time (120 s at 1200x would be 0.1 s,
less than one training step), so it is a stated number of real seconds.
"""

from __future__ import annotations

import random
import signal
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from model.market import CapacityType, Pool

from .cloud import Lease, Machine, Strike
from .progress import RunClock

NOTICE_S = 0.5  # Real seconds between SIGTERM and SIGKILL.
LONGEST_GAP = timedelta(days=1)  # A record with a longer gap is two.
BLOCK = (False, False, False, True, True)  # With notice? Two of five.


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One probe, as the replay needs it: from when, for how long, obtainable or not."""

    at: datetime
    until: datetime  # The end of the recorder's tick.
    available: bool


class PoolRecord:
    """The recorded availability of one pool: a step function with gaps."""

    def __init__(self, sightings: Sequence[Sighting]) -> None:
        self._sightings = sorted(sightings, key=lambda seen: seen.at)
        self._starts = [seen.at for seen in self._sightings]
        self._downs = [seen.at for seen in self._sightings if not seen.available]
        self._drops = [
            later.at
            for earlier, later in pairwise(self._sightings)
            if earlier.available and not later.available
        ]

    def stretches(self) -> list[tuple[datetime, datetime]]:
        """The stretches (from, until) of the record without a gap of more than a day."""
        found: list[tuple[datetime, datetime]] = []
        for seen in self._sightings:
            if found and seen.at - found[-1][1] <= LONGEST_GAP:
                found[-1] = (found[-1][0], max(seen.until, found[-1][1]))
            else:
                found.append((seen.at, seen.until))
        return found

    def available_at(self, at: datetime) -> bool:
        """True where a probe that still stands at `at` saw capacity; False in gaps."""
        index = bisect_right(self._starts, at) - 1
        if index < 0:
            return False
        seen = self._sightings[index]
        return seen.available and at < seen.until

    def up_since(self, at: datetime) -> datetime | None:
        """The last sighting without capacity before `at`; the record's start where there is none."""
        index = bisect_right(self._downs, at)
        if index:
            return self._downs[index - 1]
        return self._starts[0] if self._starts else None

    def next_drop(self, after: datetime) -> datetime | None:
        """The first instant after `after` at which capacity was seen gone; None where never seen."""
        index = bisect_right(self._drops, after)
        return self._drops[index] if index < len(self._drops) else None


def notice_order(seed: int) -> Iterator[bool]:
    """Yield for strike after strike whether it comes with notice: shuffled blocks of five, two with."""
    dice = random.Random(seed)
    while True:
        block = list(BLOCK)
        dice.shuffle(block)
        yield from block


class ReplayCloud:
    """A `Cloud` driven by recorded probes; it strikes the real trainer process.

    A strike that lands while the trainer boots or restores does not use up its place in the
    order of notices, so that the two kinds keep their proportion among those that hit work.
    One machine is leased at a time.

    Args:
        record_of: Returns the recorded availability of a pool, by its key.
        clock: The run's clock; the notice is real seconds ahead of the drop.
        seed: Decides which strikes come with notice.
        notice_s: Real seconds between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        record_of: Callable[[str], PoolRecord],
        *,
        clock: RunClock,
        seed: int,
        notice_s: float = NOTICE_S,
    ) -> None:
        self._record_of = record_of
        self._order = notice_order(seed)
        self._with_notice = next(self._order)
        self._notice = timedelta(hours=clock.hours(notice_s))
        self._noticed_in: str | None = None  # The phase at SIGTERM, while its notice runs.

    def request(self, pool_id: str, at: datetime) -> Lease | None:
        """Return a lease until the pool's next recorded drop, or None where none was obtainable."""
        if Pool.parse(pool_id).capacity_type is not CapacityType.SPOT:
            return Lease(pool_id=pool_id, began_at=at, ends_at=None)
        record = self._record_of(pool_id)
        if not record.available_at(at):
            return None
        return Lease(pool_id=pool_id, began_at=at, ends_at=record.next_drop(at))

    def tend(self, lease: Lease, machine: Machine, at: datetime) -> Strike | None:
        """Strike the machine when its lease says so; return the strike once the process is gone."""
        if self._noticed_in is not None:
            return self._after_notice(lease, machine, at)
        if lease.ends_at is None or machine.poll() is not None:
            return None
        if self._with_notice and at >= lease.ends_at - self._notice:
            self._noticed_in = machine.phase()[0]
            machine.send(signal.SIGTERM)
        elif at >= lease.ends_at:
            phase = machine.phase()[0]
            machine.send(signal.SIGKILL)
            return self._struck(Strike(with_notice=False, signal="SIGKILL", phase=phase))
        return None

    def _after_notice(self, lease: Lease, machine: Machine, at: datetime) -> Strike | None:
        if machine.poll() is None:
            if lease.ends_at is not None and at >= lease.ends_at:
                machine.send(signal.SIGKILL)
            return None
        phase, self._noticed_in = self._noticed_in or "", None
        return self._struck(Strike(with_notice=True, signal="SIGTERM", phase=phase))

    def _struck(self, strike: Strike) -> Strike:
        if strike.at_work:
            self._with_notice = next(self._order)
        return strike


def sightings(probes: Sequence[dict[str, object]]) -> list[Sighting]:
    """Read the probes of an API answer: effective_at, holds_s, wanted, obtainable."""
    return [_sighting(probe) for probe in probes]


def _sighting(probe: dict[str, object]) -> Sighting:
    at = datetime.fromisoformat(str(probe["effective_at"]))
    held = timedelta(seconds=float(str(probe["holds_s"])))
    return Sighting(
        at=at, until=at + held, available=int(str(probe["obtainable"])) >= int(str(probe["wanted"]))
    )
