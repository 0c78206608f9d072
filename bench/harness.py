"""What every bench shares: the figure's line, the machine's line, and the exit code.

A figure is one JSON object per line with `--json` (its fields are listed in docs/performance.md) and
one readable line without. `--check` exits 5 when a must is missed; otherwise a bench that ran exits 0.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

CHECK_FAILED = 5


@dataclass
class Bench:
    """Collects figures, prints each as it comes, and knows whether a must was missed."""

    name: str
    options: argparse.Namespace
    missed: list[str] = field(default_factory=list)

    def figure(
        self,
        figure: str,
        ours: float,
        *,
        unit: str,
        better: str,
        must: float,
        aim: float,
        peer: str | None = None,
        theirs: float | None = None,
        n: int = 1,
        **more: object,
    ) -> None:
        """Print one figure. `must` and `aim` apply to ours/theirs where there is a peer, else to ours.

        `more` adds keys of its own to the line, such as the interval of a difference.
        """
        ratio = ours / theirs if theirs else None
        value = ours if ratio is None else ratio
        met = "aim" if reaches(value, aim, better) else "must" if reaches(value, must, better) else "no"
        if met == "no":
            self.missed.append(figure)
        line = {
            "figure": figure, "ours": ours, "peer": peer, "theirs": theirs, "ratio": ratio, "unit": unit,
            "better": better, "value": value, "must": must, "aim": aim, "met": met, "n": n, **more,
        }  # fmt: skip
        print(json.dumps(line) if self.options.json else readable(line), flush=True)

    def finish(self) -> None:
        """Leave with the exit code."""
        sys.exit(CHECK_FAILED if self.options.check and self.missed else 0)


def reaches(value: float, goal: float, better: str) -> bool:
    """Say whether a value reaches a goal in the direction that is better."""
    return value <= goal if better == "lower" else value >= goal


def readable(line: dict[str, object]) -> str:
    """Return one figure as a line for a person."""
    more = "".join(f", {name} {value}" for name, value in list(line.items())[12:])
    against = f" against {line['theirs']:.4g} ({line['peer']})" if line["peer"] else ""
    return (
        f"{line['figure']}: {line['ours']:.4g} {line['unit']}{against}; value {line['value']:.4g}, "
        f"must {line['must']:.4g}, aim {line['aim']:.4g}: met {line['met']} (n={line['n']}){more}"
    )


def start(name: str, about: str, more: Callable[[argparse.ArgumentParser], None] | None = None) -> Bench:
    """Read the common options and those that `more` adds, state the machine, and return the bench."""
    parser = argparse.ArgumentParser(prog=f"bench/{name}.py", description=about)
    parser.add_argument("--data", type=Path, default=None, help="folder of recorded market data")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, smaller inputs")
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--check", action="store_true", help="exit 5 when a must is missed")
    parser.add_argument("--seed", type=int, default=1)
    if more is not None:
        more(parser)
    options = parser.parse_args()
    if not options.json:
        print(f"# {name}: {machine()}, seed {options.seed}", flush=True)
    return Bench(name, options)


def machine() -> str:
    """Return what the figures were measured on."""
    load = os.getloadavg()[0]
    where = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {where}, load {load:.1f}"


def interleaved(n: int, **runs: Callable[[], object]) -> dict[str, float]:
    """Time each run n times, taking turns, after one uncounted turn; return the medians in seconds."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(n + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            if turn:
                taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}
