"""What must hold before an attempt starts: the plan is in date. Expiry never stops a run that has started."""

from __future__ import annotations

from .clock import Clock
from .errors import PlanError
from .fields import instant_text
from .plan import Plan


def refuse_start(plan: Plan, clock: Clock) -> None:
    """Accept a plan that may start now.

    Raises:
        PlanError: It has expired by the market's clock.
    """
    now = clock.market_now()
    if plan.expires_at < now:
        raise PlanError(
            f"The plan expired at {instant_text(plan.expires_at)}; it is {instant_text(now, 'seconds')}.",
            fix="Ask the service for a new one, or make it anew with lowtide plan.",
        )
