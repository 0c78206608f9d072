"""Regions that meet: the outer step by hand, who is waited for, and what comes back from a stop."""

from __future__ import annotations

import itertools

import pytest
import torch

from trainer.errors import OtherTraining, PlanError
from trainer.regional import Meeting, OuterStep, Parts, mean_of
from trainer.rounds import BadRound, StoreExchange, pack, unpack

NAMES = ("asia", "europe")


class Objects(dict):
    """A store in memory."""

    def create(self, key, data):
        return self.setdefault(key, data) is data

    def head(self, key):
        return self.get(key)

    def read(self, key):
        return self[key]


class Time:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self):
        self.now_s = 0.0

    def monotonic(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


class Steady:
    """An exchange of one region that always offers what it is told."""

    def __init__(self, *deltas):
        self.deltas = iter(deltas)

    def meet(self, round_number, delta):
        yield Meeting(round_number=round_number, regions=("here",), mean=next(self.deltas))


def exchange(store, region, time=None, *, regions=NAMES, patience_s=60.0, **more):
    time = time or Time()
    return StoreExchange(
        store, region, regions, patience_s=patience_s, monotonic=time.monotonic, sleep=time.sleep, **more
    )


def numbers(*values):
    return torch.tensor(values, dtype=torch.float32)


def listed(meetings):
    return [(meeting.round_number, meeting.regions) for meeting in meetings]


def linear(*weights):
    model = torch.nn.Linear(len(weights), 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(numbers(*weights))
    return model


def test_two_outer_steps_by_hand():
    # From 1, each region having moved down by 0.5: speed 0.5, so 1 - 0.7 · (0.5 + 0.9 · 0.5) = 0.335.
    # Again: speed 0.9 · 0.5 + 0.5 = 0.95, so 0.335 - 0.7 · (0.5 + 0.9 · 0.95) = -0.6135.
    model = linear(1.0)
    outer = OuterStep(model, Steady(numbers(0.5), numbers(0.5)), every_steps=2)
    assert [outer.after_step() for _ in range(4)] == [False, True, False, True]
    assert model.weight.item() == pytest.approx(-0.6135)
    assert outer.round_number == 2


def test_the_outer_step_is_torchs_nesterov_bit_for_bit():
    torch.manual_seed(0)
    deltas = [torch.rand(5) for _ in range(6)]
    model, theirs = linear(*range(5)), linear(*range(5))
    peer = torch.optim.SGD(theirs.parameters(), lr=0.7, momentum=0.9, nesterov=True)
    outer = OuterStep(model, Steady(*deltas), every_steps=1)
    for delta in deltas:
        outer.after_step()
        theirs.weight.grad = delta.view_as(theirs.weight)
        peer.step()
    assert torch.equal(model.weight, theirs.weight)


def test_the_second_region_to_come_ends_the_round():
    store = Objects()
    store.create("outer/000000001/europe", pack(numbers(1, 3), "float32", 1, "europe"))
    [meeting] = exchange(store, "asia").meet(1, numbers(3, 5))
    assert meeting.regions == ("asia", "europe")
    assert meeting.mean.tolist() == [2, 4]
    [same] = exchange(store, "europe").meet(1, numbers(1, 3))
    assert torch.equal(meeting.mean, same.mean)


def test_a_lost_region_is_waited_for_once():
    store, time = Objects(), Time()
    alone = exchange(store, "asia", time)
    assert listed(alone.meet(1, numbers(1))) == [(1, ("asia",))]
    assert time.now_s == 60
    assert listed(alone.meet(2, numbers(1))) == [(2, ("asia",))]
    assert time.now_s == 60


def test_a_region_that_was_away_follows_and_is_waited_for_again():
    store, time = Objects(), Time()
    asia, europe = exchange(store, "asia", time), exchange(store, "europe")
    for round_number in (1, 2, 3):
        list(asia.meet(round_number, numbers(round_number)))
    # It comes to round 1 when 3 rounds have gone by: it takes all three as they were decided.
    assert listed(europe.meet(1, numbers(100))) == [(n, ("asia",)) for n in (1, 2, 3)]
    waited_s = time.now_s
    assert listed(asia.meet(4, numbers(1))) == [(4, ("asia",))]  # Late again, but it was waited for.
    assert time.now_s - waited_s == 60
    assert listed(europe.meet(4, numbers(1))) == [(4, ("asia",))]
    store.create("outer/000000005/europe", pack(numbers(3), "float32", 5, "europe"))
    assert listed(asia.meet(5, numbers(1))) == [(5, ("asia", "europe"))]


def test_followers_and_leaders_end_with_the_same_bits():
    store = Objects()
    torch.manual_seed(1)
    ahead, behind = linear(0.3, 0.7), linear(0.3, 0.7)
    leader = OuterStep(ahead, exchange(store, "asia"), every_steps=1)
    follower = OuterStep(behind, exchange(store, "europe"), every_steps=1)
    for _ in range(4):
        with torch.no_grad():
            ahead.weight.add_(torch.rand(2))
        leader.after_step()
    with torch.no_grad():
        behind.weight.add_(9)  # Work that comes too late.
    follower.after_step()
    assert torch.equal(ahead.weight, behind.weight)
    assert follower.round_number == leader.round_number == 4
    assert follower.regions == ("asia",)


def test_who_decides_second_obeys_the_first():
    store = Objects()
    store["outer/000000001/set"] = b'{"regions": ["asia"]}'
    store["outer/000000001/asia"] = pack(numbers(1), "float32", 1, "asia")
    assert listed(exchange(store, "europe").meet(1, numbers(5))) == [(1, ("asia",))]
    assert "outer/000000001/europe" not in store


def test_a_region_that_was_stopped_in_a_round_keeps_what_it_offered():
    store = Objects()
    store["outer/000000001/asia"] = pack(numbers(7), "float32", 1, "asia")
    [meeting] = exchange(store, "asia").meet(1, numbers(1))
    assert meeting.mean.tolist() == [7]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_region_whose_loss_ran_away_is_left_out(value):
    store = Objects()
    store["outer/000000001/europe"] = pack(numbers(value), "float32", 1, "europe")
    assert listed(exchange(store, "asia").meet(1, numbers(1))) == [(1, ("asia",))]


def test_a_damaged_delta_is_left_out_and_never_used():
    store = Objects()
    raw = bytearray(pack(numbers(1), "float32", 1, "europe"))
    raw[-1] ^= 1
    store["outer/000000001/europe"] = bytes(raw)
    assert listed(exchange(store, "asia").meet(1, numbers(1))) == [(1, ("asia",))]
    store["outer/000000001/set"] = b'{"regions": ["asia", "europe"]}'
    with pytest.raises(BadRound, match="delta of europe in round 1 is damaged"):
        list(exchange(store, "asia").meet(1, numbers(1)))


@pytest.mark.parametrize("cut", [0, 3, 20, -1])
def test_a_torn_delta_is_told_from_a_whole_one(cut):
    with pytest.raises(BadRound):
        unpack(pack(numbers(1, 2), "float32", 1, "asia")[:cut], 1, "asia")


def test_a_delta_named_and_absent_is_waited_for_no_longer_than_stated():
    store, time = Objects(), Time()
    store["outer/000000001/set"] = b'{"regions": ["europe"]}'
    with pytest.raises(BadRound, match="has not come in 5 s"):
        list(exchange(store, "asia", time, within_s=5).meet(1, numbers(1)))
    assert time.now_s == 5


def test_half_the_bytes_keep_the_regions_alike():
    store = Objects()
    third = numbers(1 / 3)
    store["outer/000000001/europe"] = pack(third, "bfloat16", 1, "europe")
    assert len(store["outer/000000001/europe"]) < len(pack(third, "float32", 1, "europe")) + 2
    [ours] = exchange(store, "asia", dtype="bfloat16").meet(1, third)
    [theirs] = exchange(store, "europe", dtype="bfloat16").meet(1, third)
    assert torch.equal(ours.mean, theirs.mean)
    assert ours.mean.item() == pytest.approx(1 / 3, rel=2**-8)


def test_another_model_is_refused():
    store = Objects()
    store["outer/000000001/europe"] = pack(numbers(1, 2), "float32", 1, "europe")
    with pytest.raises(BadRound, match=r"deltas of \[1, 2\] numbers; this model has 1"):
        list(exchange(store, "asia").meet(1, numbers(1)))


@pytest.mark.parametrize(("region", "regions"), [("mars", NAMES), ("set", ("set",)), ("a/b", ("a/b",))])
def test_names_that_would_not_work_are_refused(region, regions):
    with pytest.raises(BadRound, match="names are words"):
        exchange(Objects(), region, regions=regions)


@pytest.mark.parametrize(
    "numbers_", [{"every_steps": 0}, {"every_steps": 1, "lr": 0}, {"every_steps": 1, "momentum": 1}]
)
def test_an_outer_step_that_makes_no_sense_is_refused(numbers_):
    with pytest.raises(PlanError, match="cannot be"):
        OuterStep(linear(1.0), Steady(), **numbers_)


def test_a_stop_between_meetings_changes_nothing():
    moves = [0.1, -0.2, 0.4, 0.3, 0.25, -0.5]

    def run(stop_after=None):
        store, model = Objects(), linear(1.0)
        outer = OuterStep(model, exchange(store, "asia", regions=("asia",)), every_steps=2)
        for number, move in enumerate(moves):
            with torch.no_grad():
                model.weight.add_(move)
            outer.after_step()
            if number == stop_after:
                state, weight = Parts(outer=outer).state_dict(), model.weight.item()
                model = linear(weight)
                outer = OuterStep(model, exchange(store, "asia", regions=("asia",)), every_steps=2)
                Parts(outer=outer).load_state_dict(state)
        return model.weight.item()

    assert {run(stop_after) for stop_after in (None, *range(len(moves)))} == {run()}


def test_rounds_of_another_length_are_another_training():
    outer = OuterStep(linear(1.0), Steady(), every_steps=2)
    with pytest.raises(OtherTraining, match="every 3 steps"):
        outer.load_state_dict({**outer.state_dict(), "every_steps": 3})


def test_a_mean_is_added_in_the_order_given():
    parts = [numbers(x) for x in (1e8, 1.0, -1e8)]
    means = {mean_of(list(order)).item() for order in itertools.permutations(parts)}
    assert len(means) > 1  # Which is why the order is part of the protocol.


def test_a_warning_ends_the_wait_and_the_meeting_is_made_up_for_later():
    store, time, model = Objects(), Time(), linear(1.0)
    warned = iter([True])
    waiting = exchange(store, "asia", time, is_stopping=lambda: next(warned, False))
    outer = OuterStep(model, waiting, every_steps=1)
    with torch.no_grad():
        model.weight.sub_(0.5)
    assert outer.after_step() is False
    assert (time.now_s, outer.round_number, model.weight.item()) == (0, 0, 0.5)
    store.create("outer/000000001/europe", pack(numbers(0.5), "float32", 1, "europe"))
    assert outer.after_step() is True  # With what was offered before: 1 - 0.7 · 1.9 · 0.5 = 0.335.
    assert model.weight.item() == pytest.approx(0.335)
