"""What must hold before an attempt starts: the plan is in date, and its protection can be given.

Saving in plain where a plan names a key, or in one place where it names two, would be worse than
not starting, and is refused. Where a plan asks for speed that is not built (asynchronous saves,
deltas) a save is plain and synchronous: slower, no less safe, and the pause is reported as it is.
Expiry is asked here only: it never stops a run.
"""

from __future__ import annotations

from .clock import Clock
from .errors import PlanError
from .fields import instant_text
from .plan import Plan


def refuse_start(plan: Plan, clock: Clock) -> None:
    """Accept a plan that may start now.

    Raises:
        PlanError: It has expired by the market's clock, or asks for protection we cannot give.
    """
    now = clock.market_now()
    if plan.expires_at < now:
        raise PlanError(
            f"The plan expired at {instant_text(plan.expires_at)}; it is {instant_text(now, 'seconds')}.",
            fix="Ask the service for a new one, or make it anew with lowtide plan.",
        )
    asked = [name for name, is_asked in _not_built(plan).items() if is_asked]
    if asked:
        raise PlanError(
            f"The plan asks for {', '.join(asked)}, which this trainer does not do.",
            fix="Set it to null or [] in the plan, or upgrade lowtide on this node.",
        )


def _not_built(plan: Plan) -> dict[str, bool]:
    return {
        "stores.primary_url": plan.stores.primary_url is not None,
        "stores.replica_urls": bool(plan.stores.replica_urls),
    }
