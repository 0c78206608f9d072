"""The command: refusals are one sentence and an exit code, whatever goes wrong."""

from __future__ import annotations

import json

from advisor import cli
from model.errors import InsufficientHistory


def test_every_verb_loads_and_explains_itself(capfd):
    for verb in cli.VERBS:
        assert cli.run([verb, "--help"]) == 0
        assert "usage: lowtide" in capfd.readouterr().out.lower()


def test_every_verb_speaks_json(capfd):
    for verb in cli.VERBS:
        cli.run([verb, "--help"])
        shown = capfd.readouterr().out
        assert "--json" in shown or "Commands:" in shown, verb


def test_an_unknown_verb_is_a_usage_error(capsys):
    assert cli.run(["estimte"]) == 2
    assert "estimte" in capsys.readouterr().err


def test_a_refusal_in_json_names_what_was_seen_and_the_fix(capsys):
    refusal = InsufficientHistory("12 instance-hours of exposure; 48 are needed.", fix="Widen the window.")
    assert cli._failed(refusal, as_json=True) == 3
    assert json.loads(capsys.readouterr().out) == {
        "error": "InsufficientHistory",
        "seen": "12 instance-hours of exposure; 48 are needed.",
        "fix": "Widen the window.",
        "exit_code": 3,
    }


def test_a_missing_extra_names_the_line_to_type(capsys):
    assert cli._missing(ModuleNotFoundError("no", name="duckdb"), as_json=False) == 4
    assert "pip install 'lowtide[server]'" in capsys.readouterr().err


def test_our_own_fault_is_filed_and_not_shown(capsys):
    assert cli._failed(ZeroDivisionError("division by zero"), as_json=False) == 1
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert "lowtide-fault-" in shown
