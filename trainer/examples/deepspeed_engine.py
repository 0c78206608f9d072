"""A DeepSpeed engine. pip install 'lowtide[deepspeed]'"""

import os

import torch
from deepspeed import initialize

from lowtide import Plan, deepspeed

STEPS = 200
CONFIG = {"train_batch_size": 64, "optimizer": {"type": "AdamW", "params": {"lr": 1e-3, "torch_adam": True}}}

model = torch.nn.Sequential(torch.nn.Linear(32, 256), torch.nn.ReLU(), torch.nn.Linear(256, 1))
engine, *_ = initialize(model=model, model_parameters=model.parameters(), config=CONFIG)

with deepspeed.SpotEngine(Plan.read(os.environ["LOWTIDE_PLAN"]), engine) as spot:
    while spot.step < STEPS:
        spot.begin_step()
        batch = torch.randn(64, 32)
        loss = (engine(batch) - batch.sum(1, keepdim=True)).pow(2).mean()
        engine.backward(loss)
        engine.step()
        spot.end_step(loss=loss.item(), tokens=64)
