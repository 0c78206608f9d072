"""`lowtide-run` at a walking pace, so that nodes can come and go while it trains."""

from __future__ import annotations

import sys
import time

from trainer import launch, token_loop

STEP_S = 0.05
rate = token_loop.learning_rate


def walking(step: int, steps: int) -> float:
    time.sleep(STEP_S)
    return rate(step, steps)


token_loop.learning_rate = walking
sys.exit(launch.main())
