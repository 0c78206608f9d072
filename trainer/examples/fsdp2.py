"""FSDP2: torchrun --nproc-per-node 2 fsdp2.py. Any number of ranks goes on from any other's."""

import os

import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard

from lowtide import Plan, SpotSession, group_ranks

STEPS = int(os.environ.get("STEPS", "200"))

dist.init_process_group("gloo" if not torch.cuda.is_available() else "cpu:gloo,cuda:nccl")
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(32, 256), torch.nn.ReLU(), torch.nn.Linear(256, 1))
fully_shard(model)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

plan = Plan.read(os.environ["LOWTIDE_PLAN"])
with SpotSession(plan, model=model, optimizer=optimizer, ranks=group_ranks()) as session:
    for step in session.steps(STEPS):
        batch = torch.randn(64, 32, generator=torch.Generator().manual_seed(step))  # The same on all ranks.
        loss = (model(batch) - batch.sum(1, keepdim=True)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        session.tick(loss=loss, tokens=64)
dist.destroy_process_group()
