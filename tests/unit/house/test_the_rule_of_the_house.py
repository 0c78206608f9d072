"""The rules that import-linter cannot see: what is loaded when, and which words stay in which room."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROOMS = ("model", "collector", "advisor", "dashboard", "trainer")
HEAVY = ("pandas", "scipy", "numpy", "torch", "streamlit", "fastapi", "duckdb", "pydantic", "httpx")


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after a statement."""
    code = f"{statement}\nimport sys; print(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def python_files(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def test_help_loads_nothing_heavy():
    loaded = loaded_by("from advisor.cli import run; run(['--help'])")
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.parametrize("door", ["trainer.plan", "trainer.runlog"])
def test_the_doors_of_the_trainer_load_only_the_standard_library(door):
    loaded = loaded_by(f"import {door}")
    assert loaded.isdisjoint((*HEAVY, "blake3", "click", "rich"))


def test_the_public_face_loads_no_torch_until_it_is_asked():
    assert "torch" not in loaded_by("import lowtide")


def offenders(pattern: str, *rooms: str, but: str = "") -> list[str]:
    """Files of the rooms in which a pattern stands."""
    return [
        str(path.relative_to(ROOT))
        for path in python_files(*rooms)
        if path.name != but and re.search(pattern, path.read_text())
    ]


def test_sql_is_spoken_in_the_collector_alone():
    spoken = r"[\"']\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE)\b"
    assert offenders(spoken, "model", "advisor", "dashboard", "trainer") == []


def test_the_environment_is_read_in_settings_alone():
    assert offenders(r"os\.(environ|getenv)\b", "model", "collector", "advisor", but="settings.py") == []


def test_nothing_in_the_trainer_unpickles():
    assert (
        offenders(r"\bpickle\.|import pickle\b|torch\.(load|save)\((?!value, weights_only=True\))", "trainer")
        == []
    )


def test_no_clock_is_read_in_a_formula():
    assert offenders(r"datetime\.now|time\.time|utcnow", "model") == []


def test_every_file_says_what_it_is_about():
    silent = [path for path in python_files(*ROOMS) if not path.read_text().lstrip().startswith('"""')]
    assert silent == []
