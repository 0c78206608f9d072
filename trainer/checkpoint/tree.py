"""A nested state as plain JSON plus a list of tensors, and back: what pickle would do, without running code.

JSON knows no tuples, no integer keys and no infinities; those are written as one-key objects
(`{"$tuple": […]}`, `{"$map": [[key, value], …]}`, `{"$float": "inf"}`, `{"$tensor": 3}`).
Whatever is neither a tensor nor a plain value is refused by name when saving.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ..errors import NotCapturable


def is_sharded(tensor: torch.Tensor) -> bool:
    """Tell a DTensor, without importing what it comes from."""
    return hasattr(tensor, "_local_tensor")


def local_of(tensor: torch.Tensor) -> torch.Tensor:
    """Return the part of a tensor that is on this rank: all of a plain one."""
    return tensor._local_tensor if is_sharded(tensor) else tensor  # type: ignore[attr-defined]


class Tensors:
    """The tensors of a state in their order; one that stands in two places, as tied weights do, once."""

    def __init__(self) -> None:
        self.items: list[tuple[str, torch.Tensor]] = []
        self._number: dict[tuple[object, ...], int] = {}

    def add(self, name: str, tensor: torch.Tensor) -> int:
        """Return the tensor's number; `name` is its dotted path."""
        local = local_of(tensor)
        key = (local.data_ptr(), tensor.dtype, tensor.shape, local.stride(), tensor.device)
        if local.numel() == 0 or key not in self._number:
            self._number[key] = len(self.items)
            self.items.append((name, tensor))
        return self._number[key]


def encode(value: Any, tensors: Tensors, name: str) -> Any:
    """Return `value` as JSON; each tensor in it is added to `tensors` under its dotted name.

    Raises:
        NotCapturable: Some part is neither a dense tensor nor a plain value.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$float": str(float(value))}
    if isinstance(value, np.generic) and not isinstance(value.item(), np.generic):
        return encode(value.item(), tensors, name)
    if isinstance(value, torch.Tensor) and value.layout == torch.strided:
        return {"$tensor": tensors.add(name, value.detach())}
    if isinstance(value, (list, tuple)):
        items = [encode(each, tensors, f"{name}.{i}") for i, each in enumerate(value)]
        return {"$tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, Mapping):
        return _encode_mapping(value, tensors, name)
    raise NotCapturable(
        f"{name} is a {type(value).__name__}; a checkpoint holds dense tensors and plain values only.",
        fix="Leave it out of state_dict(), or put it there as a tensor, number, text, list or dict.",
    )


def _encode_mapping(value: Mapping[Any, Any], tensors: Tensors, name: str) -> Any:
    if all(isinstance(key, str) and not key.startswith("$") for key in value):
        return {key: encode(each, tensors, f"{name}.{key}") for key, each in value.items()}
    pairs = value.items()
    return {"$map": [[encode(k, tensors, name), encode(v, tensors, f"{name}.{k}")] for k, v in pairs]}


def decode(value: Any, tensors: list[torch.Tensor]) -> Any:
    """Return what `encode` was given, with these tensors in it."""
    if isinstance(value, list):
        return [decode(each, tensors) for each in value]
    if not isinstance(value, dict):
        return value
    if "$tensor" in value:
        return tensors[value["$tensor"]]
    if "$tuple" in value:
        return tuple(decode(each, tensors) for each in value["$tuple"])
    if "$map" in value:
        return {decode(key, tensors): decode(each, tensors) for key, each in value["$map"]}
    if "$float" in value:
        return float(value["$float"])
    return {key: decode(each, tensors) for key, each in value.items()}


def refuse_not_json(config: Mapping[str, Any]) -> None:
    """Raise NotCapturable, by its key, for what does not stand in JSON."""
    for key, value in config.items():
        try:
            json.dumps(value, allow_nan=False, sort_keys=True)
        except (TypeError, ValueError) as trouble:
            raise NotCapturable(
                f"config.{key} cannot be written as JSON: {trouble}.",
                fix="Give it as a finite number, text, list or dict, such as str(path), or leave it out.",
            ) from None
