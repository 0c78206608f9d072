"""Run every bench and rewrite the table in docs/performance.md, misses included.

With --only NAME (which may be repeated) the rows of other benches stay as they are. All other
options go to the benches.
"""

from __future__ import annotations

import argparse
import json
import re
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
    "soak.py",
    "store_year.py",
    "vectors.py",
}
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/run_all.py", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="run this bench alone, e.g. policy")
    chosen, rest = parser.parse_known_args()
    head, written = TABLE.read_text().split(BEGIN)
    old, tail = written.split(END)
    rows = kept(old) if chosen.only else {}
    for path in benches():
        if not chosen.only or path.stem in chosen.only:
            rows[path.name] = [row(line) for line in figures(path, rest)]
    which = f": {', '.join(chosen.only)}; the rest before that" if chosen.only else ""
    stamp = f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine()}{which}.\n\n"
    TABLE.write_text(head + BEGIN + stamp + table(rows) + END + tail)


def kept(old: str) -> dict[str, list[str]]:
    """Return the rows of a table that was written before, by bench."""
    found: dict[str, list[str]] = {}
    for line in old.splitlines():
        match = re.search(r"`bench/([a-z_]+\.py)` \|$", line)
        if match:
            found.setdefault(match[1], []).append(line)
    return found


def benches() -> list[Path]:
    """Return the benches; `model_*.py` are parts of `model.py`, and so with `checkpoint_*.py`."""
    files = sorted(HERE.glob("*.py"))
    parts = ("model_", "checkpoint_")
    return [f for f in files if f.name not in NOT_A_BENCH and not f.name.startswith(parts)]


def figures(path: Path, options: list[str]) -> list[dict[str, object]]:
    print(f"{path.name} …", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, path, "--json", *options], stdout=subprocess.PIPE, text=True, check=True
    )
    return [{"bench": path.name, **json.loads(line)} for line in done.stdout.splitlines()]


def table(rows: dict[str, list[str]]) -> str:
    head = [
        "| figure | ours | peer | theirs | ratio | must | aim | met | bench |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(line for name in sorted(rows) for line in rows[name])]) + "\n"


def row(line: dict[str, object]) -> str:
    measured = f"{number(line['ours'])} {line['unit']} | {line['peer'] or '–'} | {number(line['theirs'])}"
    goals = f"{number(line['ratio'])} | {number(line['must'])} | {number(line['aim'])} | {line['met']}"
    return f"| {line['figure']} | {measured} | {goals} | `bench/{line['bench']}` |"


def number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else "–"


if __name__ == "__main__":
    main()
