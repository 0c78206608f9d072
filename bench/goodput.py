"""Goodput of the demo's job under the preemptions it met, against what the model expects of just those.

The demo measures the trainer beforehand and predicts; then real processes are killed as the market says.
How often they are, and which of them are announced, is luck: the prediction is taken per preemption and
per save, times what happened. An announced one is saved before, so it loses no work. Three demos, summed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness import start

DEMOS = 3


def main() -> None:
    bench = start("goodput", __doc__)
    told = [demo(bench.options.seed + number) for number in range(DEMOS)]
    if not all(said["weights_equal"] for said in told):
        sys.exit("The weights differ, so the goodput means nothing.")
    useful = sum(said["realised"]["useful_hours"] for said in told)
    ours = useful / sum(said["realised"]["billed_hours"] for said in told)
    expected = useful / sum(billed_hours(said) for said in told)
    bench.figure(
        "goodput of the demo's job, predicted under its preemptions, error", abs(expected / ours - 1),
        unit="share", better="lower", must=0.05, aim=0.02,
        n=sum(said["realised"]["preemptions"] for said in told),
        realised=round(ours, 4), predicted=round(expected, 4),
        by_demo=[round(said["realised"]["billed_hours"] / billed_hours(said) - 1, 4) for said in told],
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


def billed_hours(said: dict[str, Any]) -> float:
    """Return the hours the model expects to be billed, by its rates and the run's own counts."""
    model, real = said["predicted"], said["realised"]
    parts, preemptions = model["parts"], model["preemptions"]["mean"]
    useful = real["useful_hours"]
    stall = parts["stall"] / parts["price"] * useful  # Every save costs its pause, per useful hour.
    rerun = parts["rerun"] / parts["price"] * useful / preemptions
    restart = parts["restart"] / parts["price"] * useful / preemptions
    unannounced = real["preemptions"] - real["preemptions_with_notice"]
    return float(useful + stall + unannounced * rerun + real["preemptions"] * restart)


if __name__ == "__main__":
    main()
