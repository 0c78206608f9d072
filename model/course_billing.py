"""A billing rule and a notice as the simulator applies them: in hours, and to a gang.

Providers differ: a life they end early may be free, a short one may cost a minimum, and a
notice may or may not come. Which rule holds where is the caller's to say.

Shapes: K = lives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .billing import EVERY_SECOND, BillingRule, billed_hours
from .validity import Floats, quantity, share


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """A provider's rule, and how much of a gang it is about."""

    rule: BillingRule = EVERY_SECOND
    refund_share: float = 1.0  # Of a gang's bill for a free life: the nodes that were taken themselves.

    def __post_init__(self) -> None:
        share("Refunded share", self.refund_share)

    def added(self, used_K: Floats) -> Floats:
        """Return hours billed beyond lives that the job ended itself."""
        return np.asarray(billed_hours(used_K, False, self.rule) - used_K)

    def added_and_refunded(self, used_K: Floats) -> tuple[Floats, Floats]:
        """Return hours billed beyond, and hours not billed of, lives that the provider ended."""
        if self.refund_share == 0.0:
            return self.added(used_K), np.zeros_like(used_K)
        free_K = billed_hours(used_K, True, self.rule) < used_K
        return np.where(free_K, 0.0, self.added(used_K)), np.where(free_K, self.refund_share * used_K, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A warning before the loss (F7): a billed window in which a save of all work may commit."""

    window_hours: float
    saved_share: float  # Chance that the emergency save commits in time.

    def __post_init__(self) -> None:
        quantity("Notice", self.window_hours, "h")
        share("Share of saves in time", self.saved_share)


PLAIN = Billing()
NO_NOTICE = Notice(window_hours=0.0, saved_share=0.0)
