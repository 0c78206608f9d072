"""A DeepSpeed engine under a plan, started by torchrun. Extra `deepspeed`; on CPU DS_ACCELERATOR=cpu."""

import os

import deepspeed
import torch

from lowtide import Plan, SpotEngine

STEPS, ACCUMULATED = 40, 2
CONFIG = {
    "train_micro_batch_size_per_gpu": 16,
    "gradient_accumulation_steps": ACCUMULATED,
    "optimizer": {"type": "AdamW", "params": {"lr": 1e-2, "torch_adam": True}},
    "scheduler": {"type": "WarmupLR", "params": {"warmup_num_steps": 10, "warmup_max_lr": 1e-2}},
    "gradient_clipping": 1.0,
}


def main():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    engine = deepspeed.initialize(model=model, config=CONFIG)[0]
    with SpotEngine(engine, Plan.read(os.environ["LOWTIDE_PLAN"]), config={"seed": 0}) as spot:
        for step in spot.steps(STEPS):
            for part in range(ACCUMULATED):
                chance = torch.Generator().manual_seed(step * ACCUMULATED + part)
                inputs = torch.randn(16, 16, generator=chance)
                loss = (spot(inputs).squeeze() - inputs.sum(1)).square().mean()
                spot.backward(loss)
                spot.step()


if __name__ == "__main__":
    main()
