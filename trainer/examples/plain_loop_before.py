"""A plain training loop, before it survives preemptions; `plain_loop.py` is the same after."""

import torch

STEPS = 200

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(32, 256), torch.nn.ReLU(), torch.nn.Linear(256, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

for _ in range(STEPS):
    batch = torch.randn(64, 32)
    loss = (model(batch) - batch.sum(1, keepdim=True)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
