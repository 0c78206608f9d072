"""The emergency ladder takes the best rung that fits, and what it takes comes through in time."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from trainer.checkpoint.bandwidth import Bandwidth
from trainer.checkpoint.ladder import SAFETY_S, Price, Rung, Speeds, choose, pick, price, worst
from trainer.checkpoint.ledger import Ledger
from trainer.checkpoint.reading import read_root
from trainer.checkpoint.remote_store import ObjectStore
from trainer.checkpoint.saver import Saver
from trainer.checkpoint.saves import Save

ANEW = ("exact", "bf16_moments", "bf16_weights")
GB = 10**9
speeds = st.builds(
    Speeds,
    bytes_per_s=st.lists(st.floats(1e6, 1e10), min_size=1, max_size=20).map(tuple),
    commit_s=st.lists(st.floats(0, 3), max_size=20).map(tuple),
    copy_bytes_per_s=st.lists(st.floats(1e6, 1e10), max_size=20).map(tuple),
)
sizes = st.lists(st.integers(1, 10**12), min_size=3, max_size=3).map(lambda x: sorted(x, reverse=True))


def rungs(bytes_, *, copied=False):
    pairs = zip(ANEW, bytes_, strict=True)
    return [Rung(what=what, bytes=size, copied_bytes=size if copied else 0) for what, size in pairs]


@given(st.floats(0, 200), sizes, speeds)
def test_the_best_rung_that_fits_is_taken_and_no_other(left_s, bytes_, measured):
    choice = choose(left_s, rungs(bytes_), measured)
    budget_s = left_s - min(SAFETY_S, left_s / 4) - measured.long_commit_s
    fitting = [
        what for what, size in zip(ANEW, bytes_, strict=True) if size / measured.slow_bytes_per_s <= budget_s
    ]
    assert choice.rung == (fitting[0] if fitting else None)


@given(st.floats(0, 100), st.floats(0, 100), sizes, speeds, st.booleans())
def test_more_time_never_means_a_worse_rung_unless_its_copy_is_what_fits(
    left_s, more_s, bytes_, measured, copied
):
    made = [price(each, measured) for each in rungs(bytes_, copied=copied)]
    sooner, later = (
        pick(seconds, made, commit_s=measured.long_commit_s) for seconds in (left_s, left_s + more_s)
    )
    if not copied or "copy does not fit" not in sooner.reason:
        order = [*ANEW, None]
        assert order.index(later.rung) <= order.index(sooner.rung)


@given(st.floats(0, 200), sizes, speeds, speeds)
def test_of_several_ranks_the_slowest_decides(left_s, bytes_, one, other):
    of_ranks = [[price(each, speed) for each in rungs(bytes_)] for speed in (one, other)]
    order = [*ANEW, None]
    together = pick(left_s, worst(of_ranks)).rung
    assert order.index(together) == max(order.index(pick(left_s, prices).rung) for prices in of_ranks)


def test_a_rung_that_a_rank_does_not_have_is_none():
    full, small = (
        Price(what="exact", bytes=1, write_s=1.0, copy_s=0.0),
        Price(what="bf16_weights", bytes=1, write_s=0.1, copy_s=0.0),
    )
    assert [each.what for each in worst([[full, small], [small]])] == ["bf16_weights"]


def test_a_7b_model_by_hand():
    # 84 GB exact, 56 GB with bf16 moments, 14 GB of bf16 weights at 2.5 GB/s: 33.6, 22.4 and 5.6 s.
    bytes_ = (84 * GB, 56 * GB, 14 * GB)
    measured = Speeds(bytes_per_s=(2.5e9,) * 20, commit_s=(0.5,) * 20)
    assert choose(120.0, rungs(bytes_), measured).rung == "exact"
    assert choose(30.0, rungs(bytes_), measured).rung == "bf16_moments"  # 30 - 2 - 0.5 = 27.5 s.
    assert choose(20.0, rungs(bytes_), measured).rung == "bf16_weights"
    assert choose(5.0, rungs(bytes_), measured).rung is None


def test_where_the_disk_goes_too_the_copy_has_to_fit_as_well():
    # The same model, copied away at 1 GB/s: 33.6 + 84, 22.4 + 56, 5.6 + 14 = 19.6 s.
    measured = Speeds(bytes_per_s=(2.5e9,) * 20, copy_bytes_per_s=(1e9,) * 20)
    ladder = rungs((84 * GB, 56 * GB, 14 * GB), copied=True)
    assert choose(120.0, ladder, measured).rung == "exact"  # 117.6 s of 118.
    assert choose(119.0, ladder, measured).rung == "bf16_moments"  # 78.4 s.
    assert choose(30.0, ladder, measured).rung == "bf16_weights"


def test_below_bf16_weights_come_their_distances_from_a_keyframe_and_then_a_flush():
    # 14 GB of bf16 weights are coded at 1.4 GB/s, in 10 s, into 1.75 GB, copied in 1.75 s: 11.75 s of 19.6.
    # Flushing 6 GB of an older checkpoint takes 6 s.
    measured = Speeds(
        bytes_per_s=(2.5e9,) * 20, light_bytes_per_s=(1.4e9,) * 20, copy_bytes_per_s=(1e9,) * 20
    )
    ladder = [
        *rungs((84 * GB, 56 * GB, 14 * GB), copied=True),
        Rung(what="delta", bytes=14 * GB, copied_bytes=7 * GB // 4),
        Rung(what="flush", bytes=0, copied_bytes=6 * GB),
    ]
    told = {left_s: choose(left_s, ladder, measured).rung for left_s in (22, 21, 14, 13, 9)}
    assert told == {22: "bf16_weights", 21: "delta", 14: "delta", 13: "flush", 9: "flush"}
    # In 7.9 s not even the flush fits (5.9 s); the weights can still be written here: 5.6 s.
    last = choose(7.9, ladder, measured)
    assert (last.rung, "Only its copy does not fit" in last.reason) == ("bf16_weights", True)
    assert choose(5.0, ladder, measured).rung is None


def test_a_save_on_its_way_is_finished_where_it_fits_and_given_up_for_a_smaller_one_where_not():
    measured = Speeds(bytes_per_s=(2.5e9,) * 20)
    ladder = [Rung(what="finish", bytes=50 * GB), *rungs((84 * GB, 56 * GB, 14 * GB))]  # 20 s to finish.
    assert choose(22.0, ladder, measured).rung == "finish"
    assert choose(21.9, ladder, measured).rung == "bf16_weights"


def test_nothing_measured_yet_the_best_is_tried():
    assert choose(1.0, [Rung(what="exact", bytes=10**12)], Speeds()).rung == "exact"


def test_of_saves_under_a_throttled_and_noisy_uplink_99_in_100_are_in_time():
    """Speeds vary by a third either way around a level that drops now and then, as when shared."""
    chance, late, saved = random.Random(5), 0, 0
    for _ in range(2000):
        level = 10 ** chance.uniform(8, 9.5)

        def speed(level=level):
            return level * chance.lognormvariate(0, 0.3) * (0.6 if chance.random() < 0.1 else 1.0)

        measured = Speeds(
            bytes_per_s=tuple(speed() for _ in range(20)),
            commit_s=tuple(chance.expovariate(5) for _ in range(20)),
        )
        left_s, size = chance.choice([30.0, 60.0, 120.0]), int(10 ** chance.uniform(8, 11.5))
        ladder = rungs((size, size * 2 // 3, size // 6))
        what = choose(left_s, ladder, measured).rung
        if what is None:
            continue
        saved += 1
        late += (
            next(each.bytes for each in ladder if each.what == what) / speed() + chance.expovariate(5)
            > left_s
        )
    assert saved > 1000
    assert late / saved <= 0.01


class Throttled(Bandwidth):
    """An uplink that is slow and noisy, by a clock of its own, so that no test waits."""

    def __init__(self, chance: random.Random, level: float) -> None:
        super().__init__()
        self.now_s, self._chance, self._level = 0.0, chance, level

    def wait(self, size: int) -> None:
        speed = self._level * self._chance.lognormvariate(0, 0.3)
        drop = 0.6 if self._chance.random() < 0.1 else 1.0
        self.now_s += 0.05 + size / (speed * drop)  # Each request has its latency.


def test_200_real_saves_through_a_throttled_uplink_are_committed_in_time_99_times_in_100():
    """Real blocks, manifests and roots; each trial measures its own uplink with a dozen ordinary saves."""
    chance, late, saved = random.Random(11), 0, {}
    payload = memoryview(chance.randbytes(160_000))
    for trial in range(200):
        uplink = Throttled(chance, level := 10 ** chance.uniform(3.5, 5))
        store = ObjectStore(f"memory://trial-{trial}", part_bytes=16 << 10)
        store.upload = uplink
        saver = Saver(store, run_id="run", epoch=1, keyring=None)
        ledger = Ledger(None, retention=3)
        size = int(chance.uniform(20_000, 160_000))

        def save(number, tier, bytes_, saver=saver, uplink=uplink):
            began_s = uplink.now_s
            order = Save(
                save_id=f"save-{number}", step=number, tier=tier, exact=tier == "F", config_digest="",
                payload_bytes=bytes_, header_bytes=0,
            )  # fmt: skip
            piece = payload[number : number + bytes_]
            entry = saver.write_pieces(order, memoryview(b"{%d}" % number), [piece])
            stood_s = uplink.now_s
            done = saver.commit(order.save_id, (entry,))
            return done, uplink.now_s - began_s, uplink.now_s - stood_s

        for number in range(12):
            ledger.took("F", size - 20, *save(number, "F", size - 20)[1:])
        ladder = rungs((size - 20, size * 2 // 3, size // 6))
        left_s = chance.uniform(0.5, 4) * size / level
        what = choose(left_s, ladder, ledger.speeds).rung
        if what is None:
            continue
        bytes_ = next(each.bytes for each in ladder if each.what == what)
        done, took_s, _ = save(13, "F" if what == "exact" else "E", bytes_)
        assert read_root(store, done.manifest.generation, None).manifest.step == 13
        saved[what] = saved.get(what, 0) + 1
        late += took_s > left_s
    assert min(saved.values()) > 10, saved  # Every rung was taken.
    assert sum(saved.values()) >= 100
    assert late / sum(saved.values()) <= 0.01, (late, saved)
