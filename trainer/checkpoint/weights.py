"""One hash over a model's weights."""

from __future__ import annotations

import hashlib

import torch

from .tree import local_of


def weights_sha256(model: torch.nn.Module) -> str:
    """Return SHA-256 over the parameters, sorted by name: each name, then its raw little-endian bytes.

    Of sharded parameters it is over the parts on this rank.
    """
    digest = hashlib.sha256()
    for name, parameter in sorted(model.named_parameters()):
        digest.update(name.encode())
        flat = local_of(parameter.detach()).cpu().contiguous().view(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
