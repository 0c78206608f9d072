"""How well the cost model forecasts recorded markets: python bench/model.py --data DIR [--quick] [--json]

DIR is laid out like spot-traces/ (availability and preemption, N-node, PROVIDER-DAY, one file per
pool). Each series is learned from in its first half and scored in its second. The figures and
where they are made are in `model_figures.py`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def stand_aside() -> None:
    """Give the name `model` to the package: benches run with this folder first on their path."""
    here = Path(__file__).resolve().parent
    elsewhere = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    sys.path[:] = [*elsewhere, str(here)]
    del sys.modules["model"]
    importlib.import_module("model")


if __name__ == "model":  # Imported by a neighbour that means the package.
    stand_aside()

if __name__ == "__main__":
    importlib.import_module("model_figures").main()
