"""Hugging Face's Trainer under a plan: `spot_train(trainer, plan)` for `trainer.train()`. Extra `hf`."""

import os

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed

from lowtide import Plan, spot_train


class Digits(torch.utils.data.Dataset):
    """Sequences that count up, each with a stride of its own."""

    def __len__(self):
        return 96

    def __getitem__(self, index):
        words = torch.arange(16) * (index + 1) % 32
        return {"input_ids": words, "labels": words}


def main():
    set_seed(0)
    config = GPT2Config(vocab_size=32, n_positions=16, n_embd=32, n_layer=2, n_head=2)
    arguments = TrainingArguments(
        output_dir="hf-out", per_device_train_batch_size=4, gradient_accumulation_steps=2, num_train_epochs=3,
        learning_rate=1e-3, save_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True,
    )  # fmt: skip
    trainer = Trainer(model=GPT2LMHeadModel(config), args=arguments, train_dataset=Digits())
    spot_train(trainer, Plan.read(os.environ["LOWTIDE_PLAN"]), config={"seed": 0})


if __name__ == "__main__":
    main()
