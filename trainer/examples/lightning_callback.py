"""Lightning under a plan: a callback, and a loader that knows where it is. Extra `lightning`."""

import os

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything

from lowtide import Plan, ResumableLoader, SpotCallback


class Sums(LightningModule):
    """Learns to add sixteen numbers."""

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(64, 1)
        )

    def training_step(self, batch, batch_idx):
        (inputs,) = batch
        return (self.net(inputs).squeeze() - inputs.sum(1)).square().mean()

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-2)
        rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 60)
        return [optimizer], [{"scheduler": rate, "interval": "step"}]


def main():
    seed_everything(0)
    inputs = torch.utils.data.TensorDataset(torch.randn(384, 16))
    loader = torch.utils.data.DataLoader(inputs, 16, shuffle=True, generator=torch.Generator())
    trainer = Trainer(
        max_epochs=3, accumulate_grad_batches=2, accelerator="cpu", devices=1, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[SpotCallback(Plan.read(os.environ["LOWTIDE_PLAN"]), config={"seed": 0})],
    )  # fmt: skip
    trainer.fit(Sums(), ResumableLoader(loader, seed=0))


if __name__ == "__main__":
    main()
