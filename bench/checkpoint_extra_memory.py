"""Peak memory that saving adds to a training, writer process included; in a process of its own.

What a process did before leaves holes in its heap, of which a training beside takes some or none: 50 MB
of chance. In a new process both peaks are the largest of as many windows.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from checkpoint_memory import Peak
from checkpoint_ours import Ours
from checkpoint_training import Training, save_beside
from harness import Bench

STEPS = 7  # Of a window without a save.


def figures(bench: Bench, layers: int, n: int) -> None:
    words = [str(layers), str(bench.options.seed), str(n)]
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    bench.figure(
        "extra peak memory of saving, against the state's bytes", told["extra"], unit="times", better="lower",
        must=1.15, aim=1.05, n=n,
    )  # fmt: skip


def main(layers: int, seed: int, n: int) -> None:
    training = Training(layers, seed)
    alone, saving = [], []
    for _ in range(n):
        with Peak() as peak:
            for _ in range(STEPS):
                training.step()
        alone.append(peak.bytes)
    with tempfile.TemporaryDirectory() as folder:
        with Peak() as opening:
            saver = Ours(training, Path(folder))
        saving.append(opening.bytes)
        for _ in range(n):
            with Peak() as peak:
                save_beside(training, saver)
            saving.append(peak.bytes)
        saver.close()
    print(json.dumps({"extra": (max(saving) - max(alone)) / training.state_bytes}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
