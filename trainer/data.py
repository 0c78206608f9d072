"""Text the package makes itself, and batches addressed by step.

Sentences come from a seeded grammar about tides, clouds and prices; nothing is shipped or
fetched. Which windows of text a step sees follows from (seed, step) alone, so a restart at any
step neither repeats a sample nor leaves one out.
"""

from __future__ import annotations

import random

import numpy as np
import torch

SENTENCES = 4000
WHO = (
    "the tide",
    "the price of a machine",
    "a quiet cloud",
    "the harbour",
    "the night market",
    "an idle cluster",
)
DOES = ("falls below", "rises past", "waits for", "follows", "forgets", "pays for")
WHAT = (
    "the moon",
    "the morning",
    "the last checkpoint",
    "the longest run",
    "the west wind",
    "a cheaper hour",
)
WHEN = (
    "before noon",
    "when nobody looks",
    "after the storm",
    "at low water",
    "every other day",
    "in the end",
)


def write_text(seed: int, sentences: int = SENTENCES) -> bytes:
    """Return plain English sentences; the same seed always gives the same bytes."""
    chance = random.Random(seed)
    lines = []
    for _ in range(sentences):
        words = " ".join(chance.choice(part) for part in (WHO, DOES, WHAT, WHEN))
        lines.append(f"{words[0].upper()}{words[1:]}, {chance.randint(2, 99)} times.")
    return "\n".join(lines).encode()


class TextWindows:
    """Batches of consecutive bytes: every window once per epoch, in an order of that epoch's own.

    B = batch, T = context + 1 tokens, as inputs and targets overlap.
    """

    def __init__(self, text: bytes, *, seed: int, batch: int, context: int) -> None:
        self._seed, self._batch = seed, batch
        windows = len(text) // (context + 1)
        bytes_NT = np.frombuffer(text, dtype=np.uint8)[: windows * (context + 1)].reshape(windows, -1)
        self._tokens_NT = torch.from_numpy(bytes_NT.astype(np.int64))
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def windows_of(self, step: int) -> list[int]:
        """Return which windows step number `step`, counted from 0, trains on."""
        first = step * self._batch
        return [self._window(sample) for sample in range(first, first + self._batch)]

    def _window(self, sample: int) -> int:
        epoch, place = divmod(sample, len(self._tokens_NT))
        if epoch != self._epoch:
            self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._tokens_NT))
            self._epoch = epoch
        return int(self._order[place])

    def batch(self, step: int) -> torch.Tensor:
        """Return the tokens of a step, shape (B, T)."""
        return self._tokens_NT[self.windows_of(step)]
