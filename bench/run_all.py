"""Run every bench and rewrite the table in docs/performance.md, misses included."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from harness import machine

HERE = Path(__file__).parent
TABLE = HERE.parent / "docs" / "performance.md"
NOT_A_BENCH = {
    "feed_pages.py",
    "harness.py",
    "market.py",
    "policy_field.py",
    "run_all.py",
    "store_year.py",
    "vectors.py",
}
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->"


def main() -> None:
    lines = [line for path in benches() for line in figures(path)]
    head, rest = TABLE.read_text().split(BEGIN)
    tail = rest.split(END)[1]
    stamp = f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine()}.\n\n"
    TABLE.write_text(head + BEGIN + stamp + table(lines) + END + tail)


def benches() -> list[Path]:
    """Return the benches; `model_*.py` are parts of `model.py`."""
    files = sorted(HERE.glob("*.py"))
    return [f for f in files if f.name not in NOT_A_BENCH and not f.name.startswith("model_")]


def figures(path: Path) -> list[dict[str, object]]:
    print(f"{path.name} …", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, path, "--json", *sys.argv[1:]], stdout=subprocess.PIPE, text=True, check=True
    )
    return [{"bench": path.name, **json.loads(line)} for line in done.stdout.splitlines()]


def table(lines: list[dict[str, object]]) -> str:
    rows = [
        "| figure | ours | peer | theirs | ratio | must | aim | met | bench |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*rows, *map(row, lines)]) + "\n"


def row(line: dict[str, object]) -> str:
    measured = f"{number(line['ours'])} {line['unit']} | {line['peer'] or '–'} | {number(line['theirs'])}"
    goals = f"{number(line['ratio'])} | {number(line['must'])} | {number(line['aim'])} | {line['met']}"
    return f"| {line['figure']} | {measured} | {goals} | `bench/{line['bench']}` |"


def number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else "–"


if __name__ == "__main__":
    main()
