"""Where runs go and whether they stay: by the policy under a deadline, else by estimates.

See docs/decisions/0015-one-policy-answers-runs.md for which of the two, and why.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from model.estimate import PoolStatistics
from model.market import Pool

from .accounting import account
from .fallbacks import fallbacks
from .planning import Placement
from .policy_asked import ASKED_AGAIN_S, Asked
from .policy_desk import PRICES_HOLD_AT_MOST, Decided, Desk
from .policy_field import nodes_of
from .policy_words import by_estimates, told
from .recommend import Option, rank
from .run_choices import asked_of, next_answer, ordered, sides_of, spot_interval_s
from .run_views import RunViews
from .runstate import RunState
from .steering import contenders, directive, next_choice

if TYPE_CHECKING:
    from .service import Service

DRAWS = 1000  # Of a decision on the way; the recommendation before it took more.
FEW_DRAWS = 100  # Where an estimate is asked for its interval alone, which is not drawn.


class RunDecisions(RunViews):
    """The part of a service's runs that decides."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._desk = Desk(service)

    def tend(self, run_id: str) -> None:
        """Prepare the next directive of a run, once the last has been answered."""
        self._desk.tend(run_id)

    def _by_policy(
        self, run: RunState, asked: Asked, options: Sequence[Option], decided: Decided
    ) -> tuple[dict[str, Any], Placement | None]:
        """Return the answer to next-pool as the policy decides, and where to start."""
        found = told(decided, asked, solve=True)
        target = found.target
        answer = next_answer(
            run, asked.left, options, asked.unavailable, chosen=target.pool if target else None,
            wait_s=0.0 if target else ASKED_AGAIN_S, reasons=found.reasons, decision=found.decision,
        )  # fmt: skip
        if target is None:
            return answer, None
        option = next((each for each in options if each.pool == target.pool), None)
        return answer, _placement(run, asked, target, option, options)

    def _by_estimates(
        self, run: RunState, asked: Asked, options: Sequence[Option], why: str
    ) -> tuple[dict[str, Any], Placement | None]:
        """Return the answer to next-pool by estimates alone, and where to start."""
        choice = next_choice(options, asked.left, asked.unavailable)
        option = choice.option
        answer = next_answer(
            run, asked.left, options, asked.unavailable, chosen=option.pool if option else None,
            wait_s=choice.wait_s, reasons=(*choice.reasons, why), decision=by_estimates(why),
        )  # fmt: skip
        return answer, Placement.of_option(option, fallbacks(option, options)) if option else None

    def _options(self, run: RunState, asked: Asked, only: Pool | None = None) -> list[Option]:
        """Return what is left of a run, estimated on every pool in question, best first.

        Where the run is live, its pool has capacity, whatever the latest probe said.
        """
        market = self._desk.market(asked.job, asked.as_of, asked.window, hold=PRICES_HOLD_AT_MOST)
        kept = contenders(market, asked.left, run.here)
        kept = [_held(seen) if asked.holds and seen.pool == run.here else seen for seen in kept]
        kept = [seen for seen in kept if only is None or seen.pool == only]
        sides = sides_of(run, self._service.tariffs)
        seed = run.answer["seed"] + run.newest.attempt
        draws = FEW_DRAWS if only else DRAWS
        return rank(asked.left, kept, sides, as_of=asked.as_of, seed=seed, draws=draws)[0]

    def _spent_usd(self, run: RunState) -> float | None:
        """Return what a run with a budget was billed so far, machines alone; None where nothing tells."""
        if run.job.budget_usd is None:
            return None
        if not run.events:
            return 0.0
        told = account(self._service.store, run, json.loads(run.row.predicted), now=self._service.clock())[0]
        return None if told["cost_usd"] is None else float(told["cost_usd"])

    def _orders(self, run: RunState, at: datetime) -> dict[str, Any]:
        left = run.what_is_left(at, committed_only=False)
        asked = asked_of(run, left, at, holds=True, spent_usd=self._spent_usd(run))
        decided = self._desk.answer_now(asked, sides_of(run, self._service.tariffs))
        if isinstance(decided, str):
            options = self._options(run, asked)
            order, decision = directive(options, run.here, asked.left), by_estimates(decided)
        else:
            options = self._options(run, asked, only=run.here)
            found = told(decided, asked, solve=False)
            order, decision = ordered(decided, asked, found), found.decision
        here = next((option for option in options if option.pool == run.here), None)
        orders: dict[str, Any] = {"directive": order.word, "reason": order.reason, "decision": decision}
        if here and run.lasts(asked.left):  # The rest of a job that should be over fits no interval.
            orders["full_every_s"] = here.estimate.interval_s
        if order.target:
            kind = order.target.capacity_type.value
            orders["target"] = {"pool_id": order.target.key, "capacity_type": kind}
        return orders


def _held(seen: PoolStatistics) -> PoolStatistics:
    return replace(seen, available_now=True)


def _placement(
    run: RunState, asked: Asked, target: PoolStatistics, option: Option | None, options: Sequence[Option]
) -> Placement:
    """Return where to start; a pool that could not be estimated saves as spot was planned to."""
    if option:
        found = Placement.of_option(option, fallbacks(option, options))
        return found if run.lasts(asked.left) else replace(found, interval_s=spot_interval_s(run))
    return Placement(
        pool=target.pool,
        nodes=nodes_of(asked.left, target),
        gpus_per_node=target.sku.gpu_count,
        interval_s=spot_interval_s(run),
        fallbacks=(),
    )
