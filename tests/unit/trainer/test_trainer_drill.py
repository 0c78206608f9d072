"""The drill's verdict on trainings that keep their promises, and on some that do not."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from trainer.attempt import CannotStart, NoRunLog, practice_plan
from trainer.crash import POINTS
from trainer.drill import RoomTaken, drill
from trainer.drill_deck import Deck

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("drilled_script.py")
KILLS = 4


@pytest.fixture
def drilled(tmp_path, monkeypatch):
    """Drill the script with a fault, and return verdict and starts."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run(fault: str, kills: int = KILLS, seed: int = 3):
        words = [sys.executable, str(SCRIPT), fault]
        return drill(words, kills=kills, out=tmp_path / "drill", plan=practice_plan(1.0), seed=seed)

    return run


def test_a_training_that_keeps_its_promises_passes(drilled):
    verdict, starts = drilled("none", kills=8)
    assert verdict.problems == ()
    assert verdict.ok
    assert verdict.kills == 8 == sum(start.landed for start in starts)
    assert set(verdict.by_kind) == {"moment", "notice", "point"}
    assert starts[-1].weights == verdict.weights


def test_a_cursor_that_is_not_restored_ends_in_other_weights(drilled):
    verdict, _ = drilled("loses-its-cursor")
    assert not verdict.ok
    assert any("other weights" in problem for problem in verdict.problems)
    assert not any("not deterministic" in problem for problem in verdict.problems)


def test_a_restore_behind_what_was_acknowledged_is_named_with_both_steps(drilled):
    verdict, _ = drilled("forgets")
    assert any("went on from step 0, though step" in problem for problem in verdict.problems)


def test_a_training_that_never_repeats_itself_is_called_not_deterministic(drilled):
    verdict, _ = drilled("never-the-same", kills=1)
    assert "not deterministic" in verdict.problems[0]


def test_a_restart_that_fails_is_a_problem_and_ends_the_round(drilled):
    verdict, _ = drilled("fails-after-restore")
    assert any("ended with exit code 1" in problem for problem in verdict.problems)


def test_a_command_without_a_run_log_is_refused(drilled):
    with pytest.raises(NoRunLog, match="no run log") as refusal:
        drilled("silent")
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize("words", [["/nowhere/train"], [sys.executable, "-c", "raise SystemExit(3)"]])
def test_a_command_that_cannot_start_is_refused_with_4(tmp_path, words):
    with pytest.raises(CannotStart) as refusal:
        drill(words, kills=1, out=tmp_path / "drill", plan=practice_plan())
    assert refusal.value.exit_code == 4


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("x")
    with pytest.raises(RoomTaken):
        drill(["true"], kills=1, out=tmp_path, plan=practice_plan())


def test_every_named_point_is_drawn_before_any_is_drawn_again():
    deck = Deck(random.Random(0))
    drawn = [deck.draw(has_checkpoint=True) for _ in range(2 * len(POINTS))]
    points = [strike.point.partition(":")[0] for strike in drawn if strike.kind == "point"]
    assert sorted(points) == sorted(POINTS)


def test_a_point_that_is_not_reached_is_tried_at_its_first_time_and_then_left_out():
    deck = Deck(random.Random(0))
    drawn = iter(lambda: deck.draw(has_checkpoint=True), None)
    late = next(strike for strike in drawn if strike.point and strike.point[-1] != "1")
    deck.missed(late)
    point = late.point.partition(":")[0]
    again = next(strike for strike in drawn if strike.point)
    assert again.point == f"{point}:1"
    deck.missed(again)
    later = [deck.draw(has_checkpoint=True).point for _ in range(6 * len(POINTS))]
    assert sum(name.startswith(point + ":") for name in later) <= 1  # What was in the deck already.


def test_the_same_seed_strikes_the_same():
    first, second = (Deck(random.Random(7)) for _ in range(2))
    assert [first.draw(True) for _ in range(40)] == [second.draw(True) for _ in range(40)]
