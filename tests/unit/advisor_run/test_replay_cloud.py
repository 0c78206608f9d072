"""The replay gives and takes machines exactly as the probes say, and strikes real processes."""

from __future__ import annotations

import itertools
import signal
from datetime import UTC, datetime, timedelta

import pytest

from advisor.progress import RunClock
from advisor.replay import PoolRecord, ReplayCloud, Sighting, notice_order, sightings

NOON = datetime(2023, 3, 1, 12, tzinfo=UTC)
SPOT = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"
ON_DEMAND = "aws/us-east-1/-/p3.2xlarge/on_demand"
TICK = timedelta(minutes=10)
# A real second is ten market minutes: one tick of the recorder below.
CLOCK = RunClock(market_origin_at=NOON, wall_origin_at=NOON, compression=600.0)


def record(*seen: int) -> PoolRecord:
    """Probes every ten minutes from noon: 1 available, 0 not, -1 no probe."""
    return PoolRecord([
        Sighting(at=NOON + index * TICK, until=NOON + (index + 1) * TICK, available=value == 1)
        for index, value in enumerate(seen)
        if value >= 0
    ])  # fmt: skip


class FakeMachine:
    """A process that dies of SIGKILL at once, and of SIGTERM after `listens` more polls."""

    def __init__(self, phase: str = "step", listens: int | None = 0) -> None:
        self.now, self.listens, self.sent, self.code = phase, listens, [], None
        self.pid = 1

    def poll(self):
        if self.code is None and signal.SIGTERM in self.sent and self.listens is not None:
            self.code = 75 if self.listens == 0 else None
            self.listens -= 1
        return self.code

    def phase(self):
        return self.now, 7

    def send(self, signum):
        self.sent.append(signum)
        if signum == signal.SIGKILL:
            self.code = -9


def replay(seen: PoolRecord, *, with_notice: bool, notice_s: float = 1.0) -> ReplayCloud:
    """A cloud whose first strike is of the wanted kind: the first seed that gives it."""
    seed = next(number for number in itertools.count() if next(notice_order(number)) is with_notice)
    return ReplayCloud(lambda _: seen, clock=CLOCK, seed=seed, notice_s=notice_s)


def test_a_machine_is_given_until_the_pools_next_drop():
    cloud = replay(record(1, 1, 0, 1), with_notice=False)
    lease = cloud.request(SPOT, NOON + timedelta(minutes=5))
    # Seen at 12:00 and 12:10, gone at 12:20.
    assert lease.ends_at == NOON + timedelta(minutes=20)


@pytest.mark.parametrize(("minutes", "given"), [(0, True), (20, False), (29, False), (30, True)])
def test_a_probe_holds_for_its_tick(minutes, given):
    cloud = replay(record(1, 1, 0, 1), with_notice=False)
    assert (cloud.request(SPOT, NOON + timedelta(minutes=minutes)) is not None) is given


def test_no_machine_is_given_in_a_gap_of_the_record_nor_before_nor_after_it():
    cloud = replay(record(1, -1, 1), with_notice=False)
    for minutes in (-1, 15, 30):
        assert cloud.request(SPOT, NOON + timedelta(minutes=minutes)) is None


def test_the_end_of_the_record_takes_no_machine():
    cloud = replay(record(0, 1, 1), with_notice=False)
    assert cloud.request(SPOT, NOON + TICK).ends_at is None


def test_on_demand_is_always_given_and_never_taken():
    cloud = replay(record(0, 0), with_notice=False)
    lease = cloud.request(ON_DEMAND, NOON)
    assert lease.ends_at is None
    assert cloud.tend(lease, FakeMachine(), NOON + timedelta(days=900)) is None


def test_without_notice_the_process_is_killed_at_the_drop_and_not_before():
    cloud = replay(record(1, 0), with_notice=False)
    lease, machine = cloud.request(SPOT, NOON), FakeMachine("save")
    assert cloud.tend(lease, machine, NOON + timedelta(minutes=9, seconds=59)) is None
    assert machine.sent == []
    strike = cloud.tend(lease, machine, NOON + TICK)
    assert machine.sent == [signal.SIGKILL]
    assert (strike.with_notice, strike.signal, strike.phase, strike.at_work) == (
        False,
        "SIGKILL",
        "save",
        True,
    )


def test_with_notice_sigterm_comes_real_seconds_ahead_of_the_drop():
    # 0.5 real seconds are 300 market seconds at 600x: SIGTERM at 12:05 for the drop at 12:10.
    cloud = replay(record(1, 0), with_notice=True, notice_s=0.5)
    lease, machine = cloud.request(SPOT, NOON), FakeMachine("step", listens=1)
    assert cloud.tend(lease, machine, NOON + timedelta(minutes=4)) is None
    assert cloud.tend(lease, machine, NOON + timedelta(minutes=5)) is None
    machine.now = "save"  # The last save; what counts is where the notice found it.
    assert cloud.tend(lease, machine, NOON + timedelta(minutes=6)) is None
    strike = cloud.tend(lease, machine, NOON + timedelta(minutes=7))
    assert machine.sent == [signal.SIGTERM]
    assert (strike.with_notice, strike.signal, strike.phase) == (True, "SIGTERM", "step")


def test_a_trainer_that_does_not_listen_is_killed_when_its_notice_is_over():
    cloud = replay(record(1, 0), with_notice=True, notice_s=0.5)
    lease, machine = cloud.request(SPOT, NOON), FakeMachine(listens=None)
    cloud.tend(lease, machine, NOON + timedelta(minutes=5))
    assert cloud.tend(lease, machine, NOON + TICK) is None
    assert machine.sent == [signal.SIGTERM, signal.SIGKILL]
    assert cloud.tend(lease, machine, NOON + TICK).signal == "SIGTERM"


def test_a_process_that_ended_by_itself_is_not_struck():
    cloud = replay(record(1, 0), with_notice=False)
    lease, machine = cloud.request(SPOT, NOON), FakeMachine()
    machine.code = 0
    assert cloud.tend(lease, machine, NOON + TICK) is None
    assert machine.sent == []


def test_two_of_every_five_strikes_come_with_notice_in_an_order_of_the_seed():
    order = list(itertools.islice(notice_order(1), 50))
    assert [sum(order[first : first + 5]) for first in range(0, 50, 5)] == [2] * 10
    assert order == list(itertools.islice(notice_order(1), 50))
    assert order != list(itertools.islice(notice_order(2), 50))


def test_a_strike_during_boot_does_not_use_up_a_place_in_the_order():
    # Ten strikes: five land in boot, five at work. Those at work are three without, two with notice.
    cloud = ReplayCloud(lambda _: record(1, 0), clock=CLOCK, seed=3, notice_s=0.5)
    landed = []
    for phase in ["boot", "step"] * 5:
        lease, machine = cloud.request(SPOT, NOON), FakeMachine(phase)
        while (strike := cloud.tend(lease, machine, NOON + TICK)) is None:
            pass
        landed.append(strike)
    at_work = [strike.with_notice for strike in landed if strike.at_work]
    assert sorted(at_work) == [False, False, False, True, True]
    assert at_work == list(itertools.islice(notice_order(3), 5))


def test_stretches_of_a_record_end_at_a_gap_of_more_than_a_day():
    early = Sighting(at=NOON, until=NOON + TICK, available=True)
    late = Sighting(at=NOON + timedelta(days=2), until=NOON + timedelta(days=2) + TICK, available=False)
    found = PoolRecord([late, early]).stretches()
    assert found == [(early.at, early.until), (late.at, late.until)]


def test_probes_are_read_as_the_service_tells_them():
    told = {"effective_at": "2023-03-01T12:00:00Z", "holds_s": 195.0, "wanted": 4, "obtainable": 3}
    # Three of four wanted is not available; the tick ends 195 s later.
    assert sightings([told]) == [Sighting(at=NOON, until=NOON + timedelta(seconds=195), available=False)]
