"""A plain training loop that survives preemptions; `plain_loop_before.py` is the same before."""

import os

import torch

from lowtide import Plan, SpotSession

STEPS = 200

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(32, 256), torch.nn.ReLU(), torch.nn.Linear(256, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

with SpotSession(Plan.read(os.environ["LOWTIDE_PLAN"]), model=model, optimizer=optimizer) as session:
    for _ in session.steps(STEPS):
        batch = torch.randn(64, 32)
        loss = (model(batch) - batch.sum(1, keepdim=True)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        session.tick(loss=loss, tokens=64)
