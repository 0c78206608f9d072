"""Goodput of the demo's job under the preemptions it met, against what the model expects of just those.

The demo measures the trainer beforehand and predicts; then real processes are killed as the market says.
How often they are is luck, so the prediction is taken per preemption and per save, times what happened.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness import start


def main() -> None:
    bench = start("goodput", __doc__)
    said = demo(bench.options.seed)
    if not said["weights_equal"]:
        sys.exit("The weights differ, so the goodput means nothing.")
    real, expected = said["realised"], predicted(said)
    ours = real["useful_hours"] / real["billed_hours"]
    bench.figure(
        "goodput of the demo's job, predicted under its preemptions, error", abs(expected / ours - 1),
        unit="share", better="lower", must=0.05, aim=0.02, n=real["preemptions"],
        realised=round(ours, 4), predicted=round(expected, 4),
    )  # fmt: skip
    bench.finish()


def demo(seed: int) -> dict[str, Any]:
    """Run the demo and return what it says."""
    command = [sys.executable, "-P", "-m", "advisor.cli", "demo", "--json", "--seed", str(seed)]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [*command, "--out", str(Path(folder) / "out")], capture_output=True, text=True, check=True
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def predicted(said: dict[str, Any]) -> float:
    """Return useful hours per billed hour, by the model's rates and the run's own counts."""
    model, real = said["predicted"], said["realised"]
    parts, preemptions = model["parts"], model["preemptions"]["mean"]
    useful = real["useful_hours"]
    stall = parts["stall"] / parts["price"] * useful  # Every save costs its pause, per useful hour.
    per_preemption = (parts["rerun"] + parts["restart"]) / parts["price"] * useful / preemptions
    return useful / (useful + stall + real["preemptions"] * per_preemption)


if __name__ == "__main__":
    main()
