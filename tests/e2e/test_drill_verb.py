"""`lowtide drill` on the bundled trainer, on a script of one's own, and on one that forgets its cursor."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from advisor import cli

ROOT = Path(__file__).parents[2]
OWN = [sys.executable, str(Path(__file__).with_name("drilled_training.py"))]
BUNDLED = [sys.executable, "-m", "trainer.launch", "--plan", "{plan}", "--spool", "{spool}"]


@pytest.fixture
def drilled(tmp_path, monkeypatch, capsys):
    """Run the verb and return its exit code and the JSON object it prints."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def run(kills: int, *words: str) -> tuple[int, dict]:
        options = ["--kills", str(kills), "--out", str(tmp_path / "drill"), "--json"]
        code = cli.run(["drill", *options, "--save-every", "0.001", "--", *words])
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.mark.slow
def test_the_bundled_trainer_passes(drilled):
    code, told = drilled(2, *BUNDLED, "--size", "nano", "--steps", "40")
    assert (code, told["problems"], told["kills"]) == (0, [], 2)


@pytest.mark.slow
def test_a_script_of_ones_own_passes(drilled):
    code, told = drilled(1, *OWN)
    assert (code, told["problems"], told["kills"]) == (0, [], 1)


@pytest.mark.slow
def test_a_script_that_forgets_its_data_cursor_fails_with_5(drilled, monkeypatch):
    monkeypatch.setattr("trainer.drill_deck.POINTS", ("manifest.after_link",))  # Right after a save:
    monkeypatch.setattr("trainer.drill_deck.MOST_TIMES", 1)  # one kill is enough to tell.
    code, told = drilled(1, *OWN, "forgetful")
    assert code == 5
    assert not told["ok"]
    assert "other weights" in told["problems"][0]


def test_a_command_that_is_not_there_ends_with_4(drilled):
    code, told = drilled(1, "/nowhere/train")
    assert (code, told["error"]) == (4, "CannotStart")


def test_no_command_at_all_is_a_matter_of_usage():
    assert cli.run(["drill", "--kills", "1"]) == 2
