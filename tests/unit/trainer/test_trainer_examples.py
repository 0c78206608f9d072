"""What it takes to make a plain loop survive preemptions."""

from __future__ import annotations

from difflib import ndiff
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "trainer" / "examples"


def lines_of(name: str) -> list[str]:
    """Lines of code without their indentation: a `with` around a loop moves it and changes nothing in it."""
    lines = (EXAMPLES / name).read_text().splitlines()[1:]
    return [line.strip() for line in lines if line.strip()]


def test_a_plain_loop_gains_at_most_three_lines_beside_the_imports():
    compared = list(ndiff(lines_of("plain_loop_before.py"), lines_of("plain_loop.py")))
    added = [line[2:] for line in compared if line.startswith("+ ")]
    removed = [line[2:] for line in compared if line.startswith("- ")]
    assert len([line for line in added if not line.startswith(("import", "from"))]) <= 3
    assert len(removed) == 1  # `for _ in range(STEPS):`
