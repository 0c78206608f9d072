"""A decoder-only transformer, small enough to read and to train on one core.

Pre-norm blocks of causal attention and a two-layer perceptron, learned positions, dropout.
Attention is spelt out in matrix products: they are deterministic on a CPU.

B = batch, T = tokens of context, D = width, H = heads, V = vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True, kw_only=True)
class GptSize:
    """The shape of a model and of one training batch."""

    layers: int
    heads: int
    width: int
    context: int
    batch: int
    vocabulary: int = 256  # Bytes.
    dropout: float = 0.1
    micro_batch: int = 1  # Samples that one rank computes at once, unless told otherwise.


SIZES = {
    "tiny": GptSize(layers=4, heads=4, width=128, context=64, batch=4),
    "nano": GptSize(layers=2, heads=2, width=32, context=16, batch=2),
    "small": GptSize(  # As the smallest GPT-2.
        layers=12, heads=12, width=768, context=1024, batch=64, dropout=0.0, micro_batch=4
    ),
}


class Attention(nn.Module):
    """Causal self-attention over H heads."""

    def __init__(self, size: GptSize) -> None:
        super().__init__()
        self.heads = size.heads
        self.query_key_value = nn.Linear(size.width, 3 * size.width, bias=False)
        self.out = nn.Linear(size.width, size.width, bias=False)
        self.dropout = nn.Dropout(size.dropout)
        future = torch.ones(size.context, size.context, dtype=torch.bool).triu(1)
        self.register_buffer("future_TT", future, persistent=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Mix each position with those before it."""
        batch, length, width = x_BTD.shape
        split = self.query_key_value(x_BTD).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        scores_BHTT = query @ key.transpose(-2, -1) / (width // self.heads) ** 0.5
        future_TT = self.get_buffer("future_TT")[:length, :length]
        weights_BHTT = self.dropout(scores_BHTT.masked_fill(future_TT, float("-inf")).softmax(dim=-1))
        mixed_BTD = (weights_BHTT @ value).transpose(1, 2).reshape(batch, length, width)
        out: Tensor = self.out(mixed_BTD)
        return out


class Block(nn.Module):
    """One layer: attention, then a perceptron, each added to what came in."""

    def __init__(self, size: GptSize) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(size.width), nn.LayerNorm(size.width)
        self.attention = Attention(size)
        self.perceptron = nn.Sequential(
            nn.Linear(size.width, 4 * size.width),
            nn.GELU(),
            nn.Linear(4 * size.width, size.width),
            nn.Dropout(size.dropout),
        )

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Apply the layer."""
        x_BTD = x_BTD + self.attention(self.norm_1(x_BTD))
        out: Tensor = x_BTD + self.perceptron(self.norm_2(x_BTD))
        return out


class Gpt(nn.Module):
    """Predicts each next byte from those before it."""

    def __init__(self, size: GptSize) -> None:
        super().__init__()
        self.tokens = nn.Embedding(size.vocabulary, size.width)
        self.positions = nn.Embedding(size.context, size.width)
        self.blocks = nn.Sequential(*(Block(size) for _ in range(size.layers)))
        self.norm = nn.LayerNorm(size.width)
        self.head = nn.Linear(size.width, size.vocabulary, bias=False)
        self.apply(_initialise)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Return logits of shape (B, T, V)."""
        positions_T = torch.arange(tokens_BT.shape[1], device=tokens_BT.device)
        x_BTD = self.blocks(self.tokens(tokens_BT) + self.positions(positions_T))
        logits_BTV: Tensor = self.head(self.norm(x_BTD))
        return logits_BTV

    def loss(self, tokens_BT: Tensor) -> Tensor:
        """Return the mean cross-entropy, in nats, of predicting tokens 1…T from 0…T-1."""
        logits_BTV = self(tokens_BT[:, :-1])
        return F.cross_entropy(logits_BTV.flatten(0, 1), tokens_BT[:, 1:].flatten())


def _initialise(module: nn.Module) -> None:
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)
