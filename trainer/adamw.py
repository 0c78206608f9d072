"""AdamW, holding only its state; the arithmetic is torch's own.

`torch.optim.AdamW` would do, but making one imports `torch._dynamo`, about three seconds that
every restart would pay. `torch.optim.adamw.adamw` is the same arithmetic without them; a test
keeps the two equal bit for bit.

Source: Loshchilov and Hutter (2019), decoupled weight decay regularization.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw
from torch.utils.hooks import RemovableHandle


class AdamW:
    """The optimizer of one model; `lr` may be set before each step."""

    def __init__(
        self,
        model: nn.Module,
        *,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        beta1: float = 0.9,
        beta2: float = 0.95,
    ) -> None:
        self._parameters = dict(model.named_parameters())
        self.lr, self._weight_decay, self._beta1, self._beta2 = lr, weight_decay, beta1, beta2
        self._mean = {name: torch.zeros_like(p) for name, p in self._parameters.items()}
        self._square = {name: torch.zeros_like(p) for name, p in self._parameters.items()}
        self._steps = [torch.tensor(0.0) for _ in self._parameters]
        self._before: OrderedDict[int, Callable[..., Any]] = OrderedDict()

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Have `hook(optimizer, args, kwargs)` called before each step, as torch's optimizers do."""
        handle = RemovableHandle(self._before)
        self._before[handle.id] = hook
        return handle

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter along its gradient; all must have one."""
        for hook in self._before.values():
            hook(self, (), {})
        gradients = [p.grad for p in self._parameters.values() if p.grad is not None]
        adamw(
            list(self._parameters.values()),
            gradients,
            list(self._mean.values()),
            list(self._square.values()),
            [],
            self._steps,
            foreach=True,
            amsgrad=False,
            beta1=self._beta1,
            beta2=self._beta2,
            lr=self.lr,
            weight_decay=self._weight_decay,
            eps=1e-8,
            maximize=False,
        )

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters.values():
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return the moments by parameter name, and the number of steps."""
        return {"mean": self._mean, "square": self._square, "steps": int(self._steps[0])}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take moments and step count back."""
        for name in self._parameters:
            _take(self._mean[name], state_dict["mean"][name])
            _take(self._square[name], state_dict["square"][name])
        for count in self._steps:
            count.fill_(state_dict["steps"])


def _take(ours: Tensor, given: Tensor) -> None:
    if given.data_ptr() != ours.data_ptr():  # A restore writes into what is ours already.
        ours.copy_(given)


def clip_gradients(model: nn.Module, most: float) -> Tensor:
    """Scale all gradients so that their common norm is at most `most`; return the norm before."""
    return nn.utils.clip_grad_norm_(model.parameters(), most)
