"""The house rule of SQL: in files of its own, with a header, and every market question as of an instant."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import collector
from collector.database import SQL

PACKAGE = Path(collector.__file__).parent
TIMELESS = {  # Questions about the store itself or about the advisor's own records.
    "attempts", "backtest_bins", "backtest_figures", "events", "name", "recommendation", "run", "runs",
    "same_file", "series_of_pools", "span", "verify",
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(SQL.rglob("*.sql")), ids=lambda path: path.stem)
def test_every_script_says_first_what_it_is_for(path):
    assert path.read_text().startswith("-- ")


@pytest.mark.parametrize("path", sorted((SQL / "queries").glob("*.sql")), ids=lambda path: path.stem)
def test_every_question_states_its_grain_and_sees_nothing_after_as_of(path):
    text = path.read_text()
    assert "Grain" in text
    body = re.sub(r"--.*", "", text)
    assert ("$as_of" in body) != (path.stem in TIMELESS)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_no_python_of_the_room_quotes_a_select(path):
    texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
    assert not [text for text in texts if isinstance(text, str) and re.search(r"\b(SELECT|INSERT)\b", text)]
