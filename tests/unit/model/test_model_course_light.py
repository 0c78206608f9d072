"""Light and full saves walked life by life: the closed forms' hours, and every hour accounted for."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.course import Courses, Light, Notice, run
from model.errors import ImpossibleInput
from model.goodput import Cadence
from model.tiers import two_level_billed_per_useful, weights_only_per_useful

CADENCE = Cadence(interval_hours=0.25, pause_hours=0.01, restart_hours=0.1)
EVERY, LIGHT, FULL = 6, 0.01, 0.05


class Struck:
    """Capacity at once after each loss; lives exponential, or as listed, the last one endless."""

    def __init__(self, paths: int = 1, *, hazard: float = 0.0, lives: tuple[float, ...] = (), seed: int = 1):
        self.paths, self.hazard, self.lives = paths, hazard, list(lives)
        self._rng = np.random.default_rng(seed)

    def spell(self, path_N, at_hours_N):
        if self.hazard:
            return at_hours_N.copy(), at_hours_N + self._rng.exponential(1 / self.hazard, path_N.size)
        life = self.lives.pop(0) if self.lives else np.inf
        return at_hours_N.copy(), at_hours_N + life


def light(**worth) -> Light:
    return Light(every=EVERY, light_pause_hours=LIGHT, full_pause_hours=FULL, **worth)


def walked(work, market, told, cadence=CADENCE, **other) -> Courses:
    return run(work, cadence, market, light=told, first_boot=False, **other)


@pytest.mark.parametrize("hazard", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("survives", [0.0, 0.3, 0.8, 1.0])
def test_where_light_saves_survive_losses_hours_are_those_of_the_chain(hazard, survives):
    found = walked(300.0, Struck(4000, hazard=hazard), light(survives_share=survives))
    per_useful = two_level_billed_per_useful(CADENCE, FULL, EVERY, survives, hazard)
    assert found.billed_hours.mean() == pytest.approx(300.0 * per_useful, rel=0.005)


@pytest.mark.parametrize("hazard", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("warm", [0.05, 0.3, 2.0])
def test_where_they_cost_a_warm_up_hours_are_those_of_weights_alone(hazard, warm):
    found = walked(300.0, Struck(4000, hazard=hazard), light(warm_hours=warm))
    per_useful = weights_only_per_useful(CADENCE, FULL, EVERY, warm, hazard).billed
    assert found.billed_hours.mean() == pytest.approx(300.0 * per_useful, rel=0.005)


def test_a_loss_goes_back_to_the_light_save_where_it_is_there():
    # By hand: 0.6 h hold two segments of 0.26 h, and 0.08 h of the third are lost. 3 h are 12 segments:
    # pauses 10 x 0.01 + 2 x 0.05 = 0.20. Then 0.1 h of restart: 3 + 0.20 + 0.08 + 0.1 = 3.38.
    found = walked(3.0, Struck(lives=(0.6,)), light(survives_share=1.0))
    assert found.billed_hours[0] == pytest.approx(3.38)
    assert found.lost_work_hours[0] == pytest.approx(0.08)
    assert found.stall_hours[0] == pytest.approx(0.20)


def test_a_loss_without_its_light_save_goes_back_to_the_last_full_one():
    # By hand: the same life, but both segments are done again with their pauses: 0.52 + 0.08 = 0.6 lost.
    found = walked(3.0, Struck(lives=(0.6,)), light(survives_share=0.0))
    assert found.billed_hours[0] == pytest.approx(3.0 + 0.20 + 0.6 + 0.1)
    assert found.lost_work_hours[0] == pytest.approx(0.58)
    assert found.rerun_hours[0] == pytest.approx(0.60)


def test_what_was_saved_in_full_is_never_lost():
    # By hand: a round takes 6 x 0.25 + 5 x 0.01 + 0.05 = 1.6 h. A life of 1.7 h loses 0.1 h of the next.
    found = walked(3.0, Struck(lives=(1.7,)), light(survives_share=0.0))
    assert found.lost_work_hours[0] == pytest.approx(0.1)
    assert found.billed_hours[0] == pytest.approx(3.0 + 0.20 + 0.1 + 0.1)


@pytest.mark.parametrize(("warm", "rerun"), [(0.3, 0.08 + 0.3), (0.5, 0.6), (0.7, 0.6)])
def test_a_light_save_is_taken_only_where_it_is_worth_its_warm_up(warm, rerun):
    # By hand: two segments of 0.25 h after the last full save are worth 0.5 h; a warm-up of 0.3 h is
    # less, and one of 0.5 h is not, so that the segments are done again with their pauses.
    found = walked(3.0, Struck(lives=(0.6,)), light(warm_hours=warm))
    assert found.rerun_hours[0] == pytest.approx(rerun)
    assert found.restart_hours[0] == pytest.approx(0.1)


def test_a_loss_within_the_warm_up_pays_the_part_that_was_done():
    # By hand: the second life of 0.2 h is 0.1 h of restart and 0.1 h of a warm-up of 0.3 h.
    found = walked(3.0, Struck(lives=(0.6, 0.2)), light(warm_hours=0.3))
    assert found.rerun_hours[0] == pytest.approx(0.08 + 0.1 + 0.3)
    assert found.restart_hours[0] == pytest.approx(0.2)


@pytest.mark.parametrize("lag", [0.0, 0.03])
def test_one_save_to_one_full_save_is_the_plain_walk(lag):
    cadence = Cadence(interval_hours=0.25, pause_hours=0.05, restart_hours=0.1, save_lag_hours=lag)
    told = Light(every=1, light_pause_hours=0.0, full_pause_hours=0.05, survives_share=0.5)
    one = run(20.3, cadence, Struck(500, hazard=0.5), light=told)
    other = run(20.3, cadence, Struck(500, hazard=0.5))
    for field in fields(Courses):
        assert np.allclose(getattr(one, field.name), getattr(other, field.name)), field.name


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.5, 30.0), st.floats(0.05, 2.0), st.integers(1, 9), st.floats(0.0, 0.1), st.floats(0.0, 0.3),
    st.floats(0.01, 0.4), st.one_of(st.floats(0.0, 1.0), st.none()), st.floats(0.0, 1.0),
)  # fmt: skip
def test_every_hour_is_accounted_for(work, tau, every, pause, more, hazard, survives, warm):
    told = Light(
        every=every, light_pause_hours=pause, full_pause_hours=pause + more,
        survives_share=survives, warm_hours=None if survives is not None else warm,
    )  # fmt: skip
    cadence = Cadence(interval_hours=tau, pause_hours=pause, restart_hours=0.1, save_lag_hours=0.02)
    found = run(work, cadence, Struck(50, hazard=hazard), light=told)
    spent = work + found.stall_hours + found.rerun_hours + found.restart_hours
    done = found.finished
    assert np.allclose(found.billed_hours[done], spent[done])
    assert (found.lost_work_hours[done] <= found.rerun_hours[done] + 1e-9).all()
    assert (found.stall_hours[done] >= 0).all()


def test_what_light_saves_are_worth_is_said_once_and_not_beside_emergency_saves():
    with pytest.raises(ImpossibleInput, match="exactly one of the two"):
        light()
    with pytest.raises(ImpossibleInput, match="exactly one of the two"):
        light(survives_share=0.5, warm_hours=0.1)
    with pytest.raises(ImpossibleInput, match="not together"):
        walked(1.0, Struck(), light(warm_hours=0.1), notice=Notice(window_hours=0.03, saved_share=0.5))
