"""How long `lowtide --help` takes, beside an interpreter that imports click and nothing else."""

from __future__ import annotations

import subprocess
import sys

from harness import interleaved, start


def main() -> None:
    bench = start("command", __doc__)
    n = 5 if bench.options.quick else 15
    medians = interleaved(
        n,
        ours=lambda: subprocess.run(
            [sys.executable, "-P", "-m", "advisor.cli", "--help"], capture_output=True, check=True
        ),
        click=lambda: subprocess.run(
            [sys.executable, "-P", "-c", "import click"], capture_output=True, check=True
        ),
    )
    bench.figure(
        "lowtide --help, wall time", medians["ours"], unit="s", better="lower",
        peer="python -c 'import click'", theirs=medians["click"], must=2.0, aim=1.3, n=n,
    )  # fmt: skip
    bench.finish()


if __name__ == "__main__":
    main()
