"""The global random generators of Python, numpy and torch, told and set."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def random_state() -> dict[str, Any]:
    """Return the state of every global random generator."""
    numpy_state: dict[str, Any] = np.random.get_state(legacy=False)
    key = numpy_state["state"]["key"].tolist()
    return {
        "python": random.getstate(),
        "numpy": {**numpy_state, "state": {**numpy_state["state"], "key": key}},
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],  # type: ignore[no-untyped-call]
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Set every global random generator as `random_state` found it."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"].clone())  # Of a view torch reads from where its storage begins.
    if state["cuda"]:
        torch.cuda.set_rng_state_all([each.clone() for each in state["cuda"]])
