"""The emergency ladder takes the best rung that fits, and what it takes comes through in time."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from trainer.checkpoint.ladder import SAFETY_S, Speeds, choose

RUNGS = ("exact", "bf16_moments", "bf16_weights")
speeds = st.builds(
    Speeds,
    bytes_per_s=st.lists(st.floats(1e6, 1e10), min_size=1, max_size=20).map(tuple),
    commit_s=st.lists(st.floats(0, 3), max_size=20).map(tuple),
)
sizes = st.lists(st.integers(1, 10**12), min_size=3, max_size=3).map(lambda x: sorted(x, reverse=True))


@given(st.floats(0, 200), sizes, speeds)
def test_the_best_rung_that_fits_is_taken_and_no_other(left_s, bytes_, measured):
    choice = choose(left_s, list(zip(RUNGS, bytes_, strict=True)), measured)
    budget_s = left_s - min(SAFETY_S, left_s / 4) - measured.long_commit_s
    fitting = [
        rung for rung, size in zip(RUNGS, bytes_, strict=True) if size <= budget_s * measured.slow_bytes_per_s
    ]
    assert choice.rung == (fitting[0] if fitting else None)


@given(st.floats(0, 100), st.floats(0, 100), sizes, speeds)
def test_more_time_never_means_a_worse_rung(left_s, more_s, bytes_, measured):
    rungs = list(zip(RUNGS, bytes_, strict=True))
    order = [*RUNGS, None]
    sooner, later = (choose(seconds, rungs, measured).rung for seconds in (left_s, left_s + more_s))
    assert order.index(later) <= order.index(sooner)


def test_a_7b_model_by_hand():
    # 84 GB exact, 56 GB with bf16 moments, 14 GB of bf16 weights at 2.5 GB/s: 33.6, 22.4 and 5.6 s.
    rungs = list(zip(RUNGS, (84 * 10**9, 56 * 10**9, 14 * 10**9), strict=True))
    measured = Speeds(bytes_per_s=(2.5e9,) * 20, commit_s=(0.5,) * 20)
    assert choose(120.0, rungs, measured).rung == "exact"
    assert choose(30.0, rungs, measured).rung == "bf16_moments"  # 30 - 2 - 0.5 = 27.5 s.
    assert choose(20.0, rungs, measured).rung == "bf16_weights"
    assert choose(5.0, rungs, measured).rung is None


def test_nothing_measured_yet_the_best_is_tried():
    assert choose(1.0, [("exact", 10**12)], Speeds()).rung == "exact"


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
        rungs = list(zip(RUNGS, (size, size * 2 // 3, size // 6), strict=True))
        rung = choose(left_s, rungs, measured).rung
        if rung is None:
            continue
        saved += 1
        late += dict(rungs)[rung] / speed() + chance.expovariate(5) > left_s
    assert saved > 1000
    assert late / saved <= 0.01
