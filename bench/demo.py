"""Wall time of `lowtide demo` after installation, embedded market and, with --data, recorded history."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import Bench, start

LIMIT_S, AIM_S = 180.0, 150.0


def main() -> None:
    bench = start("demo", __doc__)
    measure(bench, "lowtide demo, embedded market, wall time", [])
    if bench.options.data:
        measure(
            bench, "lowtide demo --data, recorded history, wall time", ["--data", str(bench.options.data)]
        )
    bench.finish()


def measure(bench: Bench, figure: str, words: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-P",
            "-m",
            "advisor.cli",
            "demo",
            "--json",
            "--seed",
            str(bench.options.seed),
        ]
        began = time.perf_counter()
        done = subprocess.run(
            [*command, "--out", str(Path(folder) / "out"), *words], capture_output=True, text=True, check=True
        )
        seconds = time.perf_counter() - began
    said = json.loads(done.stdout)
    if not said["weights_equal"]:
        sys.exit(f"{figure}: the weights differ, so the time means nothing.")
    bench.figure(figure, seconds, unit="s", better="lower", must=LIMIT_S, aim=AIM_S)


if __name__ == "__main__":
    main()
