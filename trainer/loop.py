"""The bundled training loop: a small GPT on text of its own, deterministic to the last bit.

On one machine and with one number of threads, two runs of the same configuration end in the
same weights, however often one of them was preempted. That is what a drill checks.
"""

from __future__ import annotations

import math
import random
import sys

import numpy as np
import torch

from .adamw import AdamW, clip_gradients
from .clock import Clock
from .data import TextWindows, write_text
from .gpt import SIZES, Gpt
from .notice import NoticeWatch
from .plan import Plan
from .runlog import Phase, RunLog
from .session import SpotSession

PEAK_LR = 1e-3
WARMUP_STEPS = 10
MOST_GRADIENT = 1.0


def train(
    plan: Plan,
    *,
    steps: int,
    size: str,
    seed: int,
    threads: int,
    log: RunLog,
    clock: Clock,
    notice: NoticeWatch,
    phase: Phase,
) -> None:
    """Train to `steps` steps in all, going on from the newest checkpoint; raises what SpotSession does."""
    be_deterministic(seed, threads)
    shape = SIZES[size]
    model = Gpt(shape)
    optimizer = AdamW(model)
    text = TextWindows(write_text(seed), seed=seed, batch=shape.batch, context=shape.context)
    config = {"size": size, "seed": seed, "steps": steps}
    with SpotSession(
        plan,
        model=model,
        optimizer=optimizer,
        config=config,
        log=log,
        clock=clock,
        notice=notice,
        phase=phase,
    ) as session:
        for step in session.steps(steps):
            optimizer.lr = learning_rate(step, steps) * session.lr_factor
            loss = model.loss(text.batch(step))
            loss.backward()  # type: ignore[no-untyped-call]
            clip_gradients(model, MOST_GRADIENT)
            optimizer.step()
            optimizer.zero_grad()
            session.tick(loss=loss.item(), tokens=shape.batch * shape.context)
            show_progress(step + 1, steps, loss.item())


def be_deterministic(seed: int, threads: int) -> None:
    """Seed every generator and forbid operations whose result depends on scheduling."""
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode("error")  # As use_deterministic_algorithms, 3 s faster to import.
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def learning_rate(step: int, steps: int) -> float:
    """Return the rate of step number `step`: a short linear warm-up, then a cosine to a tenth."""
    if step < WARMUP_STEPS:
        return PEAK_LR * (step + 1) / WARMUP_STEPS
    done = (step - WARMUP_STEPS) / max(1, steps - WARMUP_STEPS)
    return PEAK_LR * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))


def show_progress(step: int, steps: int, loss: float) -> None:
    """Keep one line on a terminal up to date; say nothing elsewhere."""
    if sys.stderr.isatty():
        end = "\n" if step == steps else "\r"
        print(f"step {step}/{steps}, loss {loss:.3f} nats ", end=end, file=sys.stderr, flush=True)
