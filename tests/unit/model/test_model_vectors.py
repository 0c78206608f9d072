"""Reference values of the cost model, and the script that checks any file of them."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "bench" / "vectors.py"


@pytest.fixture(scope="module")
def vectors():
    spec = importlib.util.spec_from_file_location("bench_vectors", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Where dataclasses look their module up.
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def written(tmp_path):
    def write(*rows):
        path = tmp_path / "rows.csv"
        with path.open("w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["id", "quantity", "inputs_json", "expected", "rtol"])
            out.writerows([[name, quantity, json.dumps(i), *rest] for name, quantity, i, *rest in rows])
        return str(path)

    return write


YOUNG = ("A", "F1 Young tau (h)", {"C": 0.08333333333333333, "M": 6}, 1, 1e-9)


def test_every_reference_value_agrees(vectors, cost_vectors, capsys):
    assert vectors.main([str(cost_vectors)]) == 0
    assert capsys.readouterr().out == "27 agree, 0 miss, 0 unsupported\n"


def test_a_wrong_value_is_a_miss_and_a_failure(vectors, written, capsys):
    assert vectors.main([written(YOUNG, ("B", *YOUNG[1:3], 1.1, 1e-9))]) == 5
    out = capsys.readouterr().out
    assert "MISS" in out
    assert "1 agree, 1 miss, 0 unsupported" in out


def test_a_formula_that_is_not_built_is_called_unsupported_and_not_passed(vectors, written, capsys):
    assert vectors.main([written(YOUNG, ("C", "F99 tea (cups)", {}, 1, 0))]) == 0
    assert "unsupported C     F99 tea (cups): -, expected 1" in capsys.readouterr().out


def test_missing_inputs_are_a_miss_and_no_traceback(vectors, written, capsys):
    assert vectors.main([written(("D", "F1 Young tau (h)", {}, 1, 1e-9))]) == 5
    assert "MISS" in capsys.readouterr().out


def test_no_file_and_no_rows_are_not_success(vectors, written, capsys):
    assert vectors.main([]) == vectors.main(["/nowhere.csv"]) == 2
    assert vectors.main([written()]) == 5
    assert "Give one CSV file" in capsys.readouterr().err
