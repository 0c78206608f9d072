"""`lowtide-run` at a walking pace, so that nodes can come and go while it trains.

`STEP_S` is that pace; where `START_WHEN` names a file, it is all ready and starts when there is one.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from trainer import launch, token_loop

STEP_S = float(os.environ.get("STEP_S", "0.05"))
rate = token_loop.learning_rate


def walking(step: int, steps: int) -> float:
    time.sleep(STEP_S)
    return rate(step, steps)


token_loop.learning_rate = walking
while not Path(os.environ.get("START_WHEN", "/")).exists():
    time.sleep(0.02)
sys.exit(launch.main())
