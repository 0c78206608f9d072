"""The documents say what the program prints: every marked block is run and compared.

A block is marked by a comment with the command, followed by a fenced block of its output:

    <!-- output: lowtide estimate examples/article.toml -->
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
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


def printed_by(command: str) -> str:
    """What a command prints on a terminal of 110 columns, without the reader's own settings."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "advisor.cli", *command.split()[1:]],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=180,
            env={"PATH": "/usr/bin:/bin", "COLUMNS": "110", "TERM": "dumb", "HOME": home},
        )
    assert done.returncode == 0, done.stderr
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.strip("\n").splitlines())


@pytest.mark.parametrize(("document", "command", "printed"), BLOCKS)
def test_a_document_shows_what_the_program_prints(document, command, printed):
    assert printed_by(command) == printed, "type: make documents"


def test_the_readme_shows_real_output():
    shown = [
        command for document, command, _ in (block.values for block in BLOCKS) if document.name == "README.md"
    ]
    assert "lowtide --help" in shown
    assert any(command.startswith("lowtide estimate examples/llm-30b.toml") for command in shown)


def rewrite() -> None:
    """Fill every marked block with what its command prints."""
    for document in DOCUMENTS:
        filled = MARKED.sub(
            lambda found: f"<!-- output: {found[1]} -->\n```\n{printed_by(found[1])}```", document.read_text()
        )
        document.write_text(filled)


if __name__ == "__main__":
    rewrite()
