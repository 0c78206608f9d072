"""Where runs go and whether they stay: by the policy under a deadline, else by estimates.

See docs/decisions/0015-one-policy-answers-runs.md for which of the two, and why.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from model.errors import LowtideError
from model.estimate import PoolStatistics
from model.interval import ChosenInterval
from model.market import CapacityType
from model.placement import placed

from .accounting import account
from .fallbacks import fallbacks
from .foresight import Foresight
from .planning import Placement
from .policy_asked import ASKED_AGAIN_S, Asked
from .policy_desk import PRICES_HOLD_AT_MOST, Decided, Desk
from .policy_field import nodes_of
from .policy_words import by_estimates, told
from .recommend import Option, rank
from .run_choices import asked_of, next_answer, ordered, spot_interval_s
from .run_sides import RunSides
from .run_views import RunViews
from .runstate import RunState
from .shortlist import MOST, shortlist
from .steering import contenders, directive, next_choice

if TYPE_CHECKING:
    from .service import Service

DRAWS = 1000  # Of a decision on the way; the recommendation before it took more.
SHOWN = 12  # Pools estimated beside what the policy weighs; whoever chooses by estimates weighs more.


class RunDecisions(RunViews):
    """The part of a service's runs that decides."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._desk = Desk(service)
        self._sides = RunSides(service.tariffs)
        self._looked_at: dict[str, Asked] = {}

    def prepare(self, run_id: str) -> None:
        """Work out, once an attempt is issued, what its first directive hangs on."""
        run = self._load(run_id)
        with suppress(LowtideError):  # Whoever asks for the directive is told.
            self._orders(run, run.clock.market_at(self._service.clock()))
            self.tend(run_id)

    def tend(self, run_id: str) -> None:
        """Prepare the next answers of a run, once the last has been given: prices, and what is foreseen."""
        asked = self._looked_at.pop(run_id, None)
        self._desk.tend(run_id)
        if asked is not None:  # The law of a family's prices is learned anew each week, and takes a while.
            spot = [seen for seen in self._contenders(asked) if seen.pool.capacity_type is CapacityType.SPOT]
            self._foresight.ahead(spot[:1])

    def _by_policy(
        self, run: RunState, asked: Asked, decided: Decided
    ) -> tuple[dict[str, Any], Placement | None]:
        """Return the answer to next-pool as the policy decides, and where to start."""
        found = told(decided, asked, solve=True)
        target = found.target
        options = self._options(run, asked, most=SHOWN, named=[target.pool.key] if target else [])
        answer = next_answer(
            run, asked.left, options, asked.unavailable, chosen=target.pool if target else None,
            wait_s=0.0 if target else ASKED_AGAIN_S, reasons=found.reasons, decision=found.decision,
        )  # fmt: skip
        if target is None:
            return answer, None
        option = next((each for each in options if each.pool == target.pool), None)
        return answer, _placement(run, asked, target, option, options)

    def _by_estimates(self, run: RunState, asked: Asked, why: str) -> tuple[dict[str, Any], Placement | None]:
        """Return the answer to next-pool by estimates alone, and where to start."""
        options = self._options(run, asked)
        choice = next_choice(options, asked.left, asked.unavailable)
        option = choice.option
        answer = next_answer(
            run, asked.left, options, asked.unavailable, chosen=option.pool if option else None,
            wait_s=choice.wait_s, reasons=(*choice.reasons, why), decision=by_estimates(why),
        )  # fmt: skip
        return answer, Placement.of_option(option, fallbacks(option, options)) if option else None

    def _options(
        self, run: RunState, asked: Asked, *, most: int = MOST, named: Sequence[str] = ()
    ) -> list[Option]:
        """Return what is left of a run, estimated on the pools worth it, best first.

        By the recommendation's own path, and with its luck until the first machine is lost. Where the
        run is live, its pool has capacity, whatever the latest probe said.

        Args:
            run: As it stands.
            asked: What it is decided by.
            most: How many pools are estimated; more are screened first.
            named: Keys of pools that are estimated however they screen.
        """
        sides, left = self._sides.of(run), asked.left
        kept = [self._foresight.under(seen) for seen in self._contenders(asked)]
        short = shortlist(left, kept, sides, as_of=asked.as_of, named=(*named, run.here.key), most=most)
        foreseen = self._foresight.ahead(short.kept)
        seed = run.answer["seed"] + run.newest.attempt - 1
        return rank(
            left, foreseen, sides, as_of=asked.as_of, seed=seed, draws=DRAWS, breakeven=False
        )[0]  # fmt: skip

    def _saves(self, run: RunState, asked: Asked) -> ChosenInterval | None:
        """Return how the run should save where it is, as an estimate would; None where it cannot be said."""
        here = next((seen for seen in self._contenders(asked) if seen.pool == run.here), None)
        if here is None:
            return None
        seen = self._foresight.under(here)
        with suppress(LowtideError):
            return placed(asked.left, seen, self._sides.of(run)(seen), seen.hazard_per_hour).chosen
        return None

    @property
    def _foresight(self) -> Foresight:
        return self._service.recommending.foresight

    def _contenders(self, asked: Asked) -> list[PoolStatistics]:
        """Return the pools in question; the one that is held has capacity."""
        market = self._desk.market(asked.job, asked.as_of, asked.window, hold=PRICES_HOLD_AT_MOST)
        kept = contenders(market, asked.left, asked.here)
        return [_held(seen) if asked.holds and seen.pool == asked.here else seen for seen in kept]

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
        decided = self._desk.answer_now(asked, self._sides.of(run))
        self._looked_at[run.row.run_id] = asked
        if isinstance(decided, str):
            order = directive(self._options(run, asked), run.here, asked.left)
            decision = by_estimates(decided)
        else:
            found = told(decided, asked, solve=False)
            order, decision = ordered(decided, asked, found), found.decision
        saves = self._saves(run, asked)
        orders: dict[str, Any] = {"directive": order.word, "reason": order.reason, "decision": decision}
        if saves and run.lasts(asked.left):  # The rest of a job that should be over fits no interval.
            orders["full_every_s"] = saves.full_interval_s
            orders["light_every_s"] = saves.interval_s if saves.full_every > 1 else None
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
