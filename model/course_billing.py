"""A billing rule and a notice as the simulator applies them: in hours, and to a gang.

Providers differ: a life they end early may be free, a short one may cost a minimum, and a
notice may or may not come. Which rule holds where is the caller's to say.

Shapes: K = lives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .billing import BillingRule
from .validity import Floats, quantity, share


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """What of a machine's life is billed, beyond plain time."""

    refund_hours: float = 0.0  # A life the provider ends sooner than this is not billed (F14).
    refund_share: float = 1.0  # Of a gang's bill for that life: the nodes that were taken themselves.
    least_hours: float = 0.0  # Every life is billed at least this, unless refunded.

    def __post_init__(self) -> None:
        quantity("Refund", self.refund_hours, "h")
        share("Refunded share", self.refund_share)
        quantity("Least billed time", self.least_hours, "h")

    @classmethod
    def of(cls, rule: BillingRule) -> Billing:
        """Take a provider's rule."""
        return cls(refund_hours=rule.refund_hours, least_hours=rule.least_hours)

    def added(self, used_K: Floats) -> Floats:
        """Return hours billed beyond lives that the job ended itself."""
        return np.maximum(self.least_hours - used_K, 0.0)

    def added_and_refunded(self, used_K: Floats) -> tuple[Floats, Floats]:
        """Return hours billed beyond, and hours not billed of, lives that the provider ended."""
        free_K = np.where(used_K < self.refund_hours, self.refund_share * used_K, 0.0)
        return np.where(free_K > 0, 0.0, self.added(used_K)), free_K


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
