"""Lightning: two lines more. pip install 'lowtide[lightning]'"""

import os

import torch
from lightning.pytorch import LightningModule, Trainer

from lowtide import Plan, lightning


class Adds(LightningModule):
    """Learns to add eight numbers up."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 1)

    def training_step(self, batch, _):
        """Return the loss."""
        return (self.layer(batch) - batch.sum(1, keepdim=True)).pow(2).mean()

    def configure_optimizers(self):
        """Return the optimizer."""
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


data = torch.utils.data.DataLoader(torch.randn(640, 8), batch_size=64)

spot = lightning.SpotCallback(Plan.read(os.environ["LOWTIDE_PLAN"]))
trainer = Trainer(max_steps=200, callbacks=[spot], enable_checkpointing=False, logger=False)
with spot:
    trainer.fit(Adds(), data, ckpt_path=spot.ckpt_path)
