"""Hugging Face's Trainer: three lines more. pip install 'lowtide[hf]'"""

import os

import torch
from transformers import Trainer, TrainingArguments

from lowtide import Plan, hf


class Model(torch.nn.Module):
    """Learns to add eight numbers up."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 1)

    def forward(self, x, labels=None):
        """Return loss and sums."""
        out = self.layer(x)
        return {"loss": (out - labels).pow(2).mean(), "logits": out}


data = [{"x": torch.full((8,), n / 64), "labels": torch.tensor([n / 8])} for n in range(64)]
arguments = TrainingArguments(output_dir="out", max_steps=200, save_strategy="no", logging_steps=1)

spot = hf.SpotCallback(Plan.read(os.environ["LOWTIDE_PLAN"]))
trainer = Trainer(model=Model(), args=arguments, train_dataset=data, callbacks=[spot])
spot.attach(trainer)
with spot:
    trainer.train(resume_from_checkpoint=spot.resume_from)
