"""The documents say what the program prints: every marked block is run and compared.

A block is marked by a comment with the command, followed by a fenced block of its output:

    <!-- output: lowtide estimate examples/article.toml -->
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MARKED = re.compile(r"<!-- output: (lowtide[^\n]*?) -->\n+```[a-z]*\n(.*?)```", re.DOTALL)
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(document, *found, id=f"{document.name}: {found[0]}")
    for document in DOCUMENTS
    for found in MARKED.findall(document.read_text())
]


@pytest.mark.parametrize(("document", "command", "printed"), BLOCKS)
def test_a_document_shows_what_the_program_prints(document, command, printed, tmp_path):
    words = command.split()[1:]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "advisor.cli", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "110", "TERM": "dumb", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line.rstrip() for line in done.stdout.strip().splitlines()] == [
        line.rstrip() for line in printed.strip().splitlines()
    ]


def test_the_readme_shows_real_output():
    assert "lowtide --help" in (ROOT / "README.md").read_text()
    assert len(BLOCKS) >= 3
