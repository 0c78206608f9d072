"""FSDP2 under a plan: each rank saves its own shards, and any number of ranks goes on from them.

LOWTIDE_PLAN=plan.json python -m trainer.torchrun --nproc-per-node=2 …   runs our trainer so; this script is
LOWTIDE_PLAN=plan.json torchrun --nproc-per-node=2 trainer/examples/fsdp2.py
"""

import os

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from lowtide import Plan, SpotSession, ranks_here

STEPS, BATCH = 60, 32


def main():
    dist.init_process_group("gloo")
    rank, ranks = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(0)  # Alike on all ranks: the weights begin alike.
    model = torch.nn.Sequential(torch.nn.Linear(16, 63), torch.nn.ReLU(), torch.nn.Linear(63, 1))
    mesh = init_device_mesh("cpu", (ranks,))
    for layer in (model[0], model[2], model):
        fully_shard(layer, mesh=mesh)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    plan = Plan.read(os.environ["LOWTIDE_PLAN"])
    with SpotSession(plan, model=model, optimizer=optimizer, ranks=ranks_here()) as session:
        for step in session.steps(STEPS):
            inputs = torch.randn(BATCH, 16, generator=torch.Generator().manual_seed(step))
            ours = inputs[rank * BATCH // ranks : (rank + 1) * BATCH // ranks]  # All ranks share one batch.
            loss = (model(ours).squeeze(1) - ours.sum(1)).square().mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            session.tick(loss=loss, tokens=0)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
