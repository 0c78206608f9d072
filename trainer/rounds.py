"""Regions meet through an object store: no region waits for a lost one longer than a stated time.

    outer/<round>/<region>   what a region offers: a header, then its delta; created once
    outer/<round>/set        who takes part; created once, by the first region that has waited long enough
    outer/<round>/here-<region>   a region that was left out of the round before is back: wait for it

The second object decides. Whoever creates it lists the deltas it has seen and verified, all later ones are
too late, and every region computes the round from this one list. A region that finds rounds decided without
it takes them one after the other from the store and goes on from where the others are; its own late work is
lost. Who was left out is not waited for again until it says that it is back, so a lost region costs the
others one wait. Nothing is deleted here: let the bucket expire `outer/` after the longest time a region may
be away.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from .errors import TrainerError
from .regional import Meeting, mean_of

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class RoundStore(Protocol):
    """What is asked of a store; those of `checkpoint.stores` do."""

    def create(self, key: str, data: bytes) -> bool:
        """Create an object; False where it exists already."""

    def head(self, key: str) -> object | None:
        """Return something where the object exists."""

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""


class BadRound(TrainerError):
    """What the regions left in the store cannot be followed."""

    exit_code = 5


class _Stopped(Exception):
    """This machine will be taken while we wait for others."""


class StoreExchange:
    """One region's side.

    Args:
        regions: Names of all regions, this one's among them, the same in every region.
        patience_s: How long to wait for the others, from when our own delta is there.
        dtype: Of deltas in the store; bfloat16 halves the traffic. The same in every region.
        is_stopping: Tells that this machine will be taken; waiting ends then, without a meeting.
        within_s: How long a delta that the list names may take to appear here, as copies between buckets do.
    """

    def __init__(
        self,
        store: RoundStore,
        region: str,
        regions: tuple[str, ...],
        *,
        patience_s: float,
        dtype: str = "float32",
        poll_s: float = 1.0,
        within_s: float = 600.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        if region not in regions or any(not name.isidentifier() or name == "set" for name in regions):
            raise BadRound(
                f"Region {region!r} among {regions}: names are words of letters, digits and _, not `set`.",
                fix="Name every region, this one too, alike everywhere.",
            )
        self._store, self._region, self._regions = store, region, tuple(sorted(regions))
        self._patience_s, self._poll_s, self._within_s = patience_s, poll_s, within_s
        self._dtype, self._monotonic, self._sleep = dtype, monotonic, sleep
        self._is_stopping = is_stopping

    def meet(self, round_number: int, delta: Tensor) -> Iterator[Meeting]:
        """Yield our round, and every later one that is decided already; none where we must stop."""
        with suppress(_Stopped):
            yield from self._meet(round_number, delta)

    def _meet(self, round_number: int, delta: Tensor) -> Iterator[Meeting]:
        if not self._is_decided(round_number):
            self._offer(round_number, delta)
            self._decide(round_number)
        meeting = self._meeting(round_number, len(delta))
        yield meeting
        while self._is_decided(round_number + 1):
            round_number += 1
            meeting = self._meeting(round_number, len(delta))
            yield meeting
        if self._region not in meeting.regions:
            self._store.create(_key(round_number + 1, f"here-{self._region}"), b"")

    def _is_decided(self, round_number: int) -> bool:
        return self._store.head(_key(round_number, "set")) is not None

    def _offer(self, round_number: int, delta: Tensor) -> None:
        """Create our delta. Where we were stopped in this round before, what we left then counts."""
        raw = pack(delta, self._dtype, round_number, self._region)
        self._store.create(_key(round_number, self._region), raw)

    def _decide(self, round_number: int) -> None:
        """Wait for all, or for long enough, and settle who takes part, unless another region has."""
        waited_until = self._monotonic() + self._patience_s
        while not self._is_decided(round_number):
            here = {name for name in self._regions if self._store.head(_key(round_number, name)) is not None}
            if self._expected(round_number) <= here or self._monotonic() >= waited_until:
                listed = [name for name in sorted(here) if self._is_sound(round_number, name)]
                if not listed:
                    raise BadRound(
                        f"Of {sorted(here)} none has a sound delta in round {round_number}.",
                        fix="Go back to a checkpoint from before the loss ran away, in another outer store.",
                    )
                self._store.create(_key(round_number, "set"), json.dumps({"regions": listed}).encode())
                return
            self._wait()

    def _wait(self) -> None:
        if self._is_stopping():
            raise _Stopped
        self._sleep(self._poll_s)

    def _expected(self, round_number: int) -> set[str]:
        """Return whom to wait for: who took part last, and who is back."""
        if round_number == 1:
            return set(self._regions)
        back = {r for r in self._regions if self._store.head(_key(round_number, f"here-{r}")) is not None}
        return {self._region, *self._listed(round_number - 1), *back}

    def _listed(self, round_number: int) -> tuple[str, ...]:
        return tuple(json.loads(self._store.read(_key(round_number, "set")))["regions"])

    def _is_sound(self, round_number: int, region: str) -> bool:
        try:
            delta = unpack(self._store.read(_key(round_number, region)), round_number, region)
        except BadRound:
            return False
        return bool(delta.isfinite().all())  # One region whose loss ran away must not take the others along.

    def _meeting(self, round_number: int, size: int) -> Meeting:
        listed = self._listed(round_number)
        deltas = [self._delta(round_number, name) for name in listed]
        if not deltas or any(len(delta) != size for delta in deltas):
            raise BadRound(
                f"Round {round_number} of {listed} holds deltas of {[len(d) for d in deltas]} numbers; this "
                f"model has {size}.",
                fix="Start every region with the same model, in an outer store of its own.",
            )
        return Meeting(round_number=round_number, regions=listed, mean=mean_of(deltas))

    def _delta(self, round_number: int, region: str) -> Tensor:
        key, until = _key(round_number, region), self._monotonic() + self._within_s
        while self._store.head(key) is None:
            if self._monotonic() >= until:
                raise BadRound(
                    f"Round {round_number} was decided with {region}, whose delta has not come in "
                    f"{self._within_s:g} s.",
                    fix="See that the outer store is one bucket, or that its copies keep up.",
                )
            self._wait()
        return unpack(self._store.read(key), round_number, region)


def _key(round_number: int, name: str) -> str:
    return f"outer/{round_number:09d}/{name}"


def pack(delta: Tensor, dtype: str, round_number: int, region: str) -> bytes:
    """Return a delta as an object: the length of a JSON header in 4 bytes, the header, the numbers."""
    body = delta.to(DTYPES[dtype]).contiguous().view(torch.uint8).numpy().tobytes()
    header: dict[str, Any] = {"round": round_number, "region": region, "dtype": dtype}
    header["sha256"] = hashlib.sha256(body).hexdigest()
    raw = json.dumps(header).encode()
    return len(raw).to_bytes(4, "little") + raw + body


def unpack(raw: bytes, round_number: int, region: str) -> Tensor:
    """Return a delta as float32; raises BadRound where the object is not the one that was asked for."""
    size = int.from_bytes(raw[:4], "little")
    body = memoryview(raw)[4 + size :]
    try:
        header = json.loads(raw[4 : 4 + size])
        said = (header["round"], header["region"], header["sha256"])
        dtype = DTYPES[header["dtype"]]
    except (ValueError, KeyError, TypeError):
        said, dtype = (None, None, None), torch.float32
    if said != (round_number, region, hashlib.sha256(body).hexdigest()):
        raise BadRound(
            f"The delta of {region} in round {round_number} is damaged.",
            fix="Restore the object, or start the regions anew from one checkpoint in another outer store.",
        )
    return torch.from_numpy(np.frombuffer(body, dtype=np.uint8).copy()).view(dtype).float()
