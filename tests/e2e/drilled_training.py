"""A training with a data cursor of its own; with `forgetful` that cursor is not part of what is saved."""

from __future__ import annotations

import os
import sys
import time

import torch

from lowtide import Plan, SpotSession

STEPS, BATCH = 120, 16


class Cursor:
    """Counts the samples used, as an iterator over a file does."""

    def __init__(self) -> None:
        self.at = 0

    def next(self) -> torch.Tensor:
        self.at += BATCH
        return torch.arange(self.at - BATCH, self.at, dtype=torch.float32).sin()[:, None]

    def state_dict(self) -> dict[str, int]:
        return {"at": self.at}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.at = state["at"]


torch.manual_seed(0)
torch.set_num_threads(1)
model, data = torch.nn.Sequential(torch.nn.Linear(1, 256), torch.nn.Linear(256, 1)), Cursor()
optimizer = torch.optim.AdamW(model.parameters())
plan = Plan.read(os.environ["LOWTIDE_PLAN"])
saved = {} if "forgetful" in sys.argv else {"data": data}
with SpotSession(plan, model=model, optimizer=optimizer, **saved) as session:
    for _ in session.steps(STEPS):
        time.sleep(0.01)  # A step long enough for a save to end before the training does.
        batch = data.next()
        loss = (model(batch) - batch**2).pow(2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        session.tick(loss=loss, tokens=BATCH)
