"""Where runs go and whether they stay: by the policy under a deadline, else by estimates.

See docs/decisions/0015-one-policy-answers-runs.md for which of the two, and why.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from model.errors import LowtideError
from model.estimate import PoolStatistics
from model.interval import ChosenInterval
from model.placement import placed

from .accounting import account
from .fallbacks import fallbacks
from .foresight import Foresight
from .planning import Placement
from .policy_asked import ASKED_AGAIN_S, Asked
from .policy_desk import PRICES_HOLD_AT_MOST, Decided, Desk
from .policy_field import Sides, nodes_of
from .policy_words import by_estimates, told
from .recommend import Option, rank
from .run_choices import asked_of, next_answer, ordered, spot_interval_s
from .run_sides import RunSides
from .run_views import RunViews
from .runstate import RunState
from .shortlist import MOST, shortlist
from .steering import Directive, contenders, directive, next_choice

if TYPE_CHECKING:
    from .service import Service

DRAWS = 1000  # Of a decision on the way; the recommendation before it took more.
STILL_LIVE, MOST_LIVE = timedelta(hours=1), 64  # Runs that asked so lately, market time, and so many of them.
SHOWN = 8  # Pools estimated beside what the policy weighs; whoever chooses by estimates weighs more.


class RunDecisions(RunViews):
    """The part of a service's runs that decides."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._desk = Desk(service)
        self._sides = RunSides(service.tariffs)
        self._live: OrderedDict[str, tuple[Asked, Sides]] = OrderedDict()  # As they asked last.

    def prepare(self, run_id: str) -> None:
        """Work out, once an attempt is issued, what its first directive hangs on."""
        run = self._load(run_id)
        with suppress(LowtideError):  # Whoever asks for the directive is told.
            self._orders(run, run.clock.market_at(self._service.clock()))
            self.tend(run_id)

    def tend(self, run_id: str) -> None:
        """Prepare the next answers of a run, once the last has been given: prices, and what is foreseen.

        Runs of like jobs share a market, so prices read for one move the values of all: those of the
        others are worked out here too, and not while one of them waits for an answer.
        """
        live = self._live.get(run_id)
        if live is None:
            return
        (asked, sides), before = live, self._market(live[0])
        self._desk.tend(asked, sides)
        market = self._market(asked)
        if market is before:
            return
        with suppress(LowtideError):  # Laws, prices and waits are then at hand should the machine be lost.
            self._foreseen(asked, sides, most=SHOWN)
        for other_id, (other, others) in list(self._live.items()):
            since = asked.as_of - other.as_of
            if other_id != run_id and timedelta(0) <= since <= STILL_LIVE:
                now = replace(other, as_of=asked.as_of)
                if self._market(now) is market:
                    with suppress(LowtideError):
                        self._desk.decide(now, others, hold=PRICES_HOLD_AT_MOST)

    def _next(self, run: RunState, asked: Asked) -> tuple[dict[str, Any], Placement | None]:
        """Return the answer to next-pool, and where to start; None to wait."""
        return self._answered(run, asked, self._desk.decide(asked, self._sides.of(run)))

    def _answered(
        self, run: RunState, asked: Asked, decided: Decided | str
    ) -> tuple[dict[str, Any], Placement | None]:
        """Return the answer to next-pool for what the desk says: a decision, or why there is none."""
        if isinstance(decided, str):
            return self._by_estimates(run, asked, decided)
        return self._by_policy(run, asked, decided)

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
        return answer, _placement(run, asked, target, option, options, found.nodes)

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
        foreseen = self._foreseen(asked, sides, most=most, named=named)
        seed = run.answer["seed"] + run.newest.attempt - 1
        return rank(
            left, foreseen, sides, as_of=asked.as_of, seed=seed, draws=DRAWS, breakeven=False
        )[0]  # fmt: skip

    def _foreseen(
        self, asked: Asked, sides: Sides, *, most: int, named: Sequence[str] = ()
    ) -> list[PoolStatistics]:
        """Return the pools worth an estimate as a recommendation sees them: terms, prices, first waits."""
        kept = [self._foresight.under(seen) for seen in self._contenders(asked)]
        names = (*named, asked.here.key)
        short = shortlist(asked.left, kept, sides, as_of=asked.as_of, named=names, most=most)
        return self._foresight.ahead(short.kept)

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

    def _market(self, asked: Asked) -> list[PoolStatistics]:
        return self._desk.market(asked.job, asked.as_of, asked.window, hold=PRICES_HOLD_AT_MOST)

    def _contenders(self, asked: Asked) -> list[PoolStatistics]:
        """Return the pools in question; the one that is held has capacity."""
        kept = contenders(self._market(asked), asked.left, asked.here)
        return [_held(seen) if asked.holds and seen.pool == asked.here else seen for seen in kept]

    def _spent_usd(self, run: RunState) -> float | None:
        """Return what a run with a budget was billed so far, machines alone; None where nothing tells."""
        if run.job.budget_usd is None:
            return None
        if not run.events:
            return 0.0
        told = account(self._service.store, run, json.loads(run.row.predicted), now=self._service.clock())[0]
        return None if told["cost_usd"] is None else float(told["cost_usd"])

    def _keep_live(self, run_id: str, asked: Asked, sides: Sides) -> None:
        self._live[run_id] = asked, sides
        self._live.move_to_end(run_id)
        while len(self._live) > MOST_LIVE:
            self._live.popitem(last=False)

    def _orders(self, run: RunState, at: datetime) -> dict[str, Any]:
        left = run.what_is_left(at, committed_only=False)
        asked = asked_of(run, left, at, holds=True, spent_usd=self._spent_usd(run))
        sides = self._sides.of(run)
        decided = self._desk.answer_now(asked, sides)
        self._keep_live(run.row.run_id, asked, sides)
        order, decision = self._ordered(run, asked, decided)
        saves = self._saves(run, asked)
        orders: dict[str, Any] = {"directive": order.word, "reason": order.reason, "decision": decision}
        if saves and run.lasts(asked.left):  # The rest of a job that should be over fits no interval.
            orders["full_every_s"] = saves.full_interval_s
            orders["light_every_s"] = saves.interval_s if saves.full_every > 1 else None
        if order.target:
            kind = order.target.capacity_type.value
            orders["target"] = {"pool_id": order.target.key, "capacity_type": kind}
        return orders

    def _ordered(
        self, run: RunState, asked: Asked, decided: Decided | str
    ) -> tuple[Directive, dict[str, Any]]:
        """Return what a live run is told for what the desk says, and the `decision` of the answer."""
        if isinstance(decided, str):
            return directive(self._options(run, asked), run.here, asked.left), by_estimates(decided)
        found = told(decided, asked, solve=False)
        return ordered(decided, asked, found), found.decision


def _held(seen: PoolStatistics) -> PoolStatistics:
    return replace(seen, available_now=True)


def _placement(
    run: RunState,
    asked: Asked,
    target: PoolStatistics,
    option: Option | None,
    options: Sequence[Option],
    nodes: tuple[int, int] | None,
) -> Placement:
    """Return where to start; a pool that could not be estimated saves as spot was planned to.

    Args:
        run, asked: What was decided about.
        target: The pool.
        option: The pool estimated, and `options` all that were.
        nodes: To run, and of these on spot; None: all that the job takes.
    """
    if option:
        found = Placement.of_option(option, fallbacks(option, options))
        found = found if run.lasts(asked.left) else replace(found, interval_s=spot_interval_s(run))
    else:
        found = Placement(
            pool=target.pool,
            nodes=nodes_of(asked.left, target),
            gpus_per_node=target.sku.gpu_count,
            interval_s=spot_interval_s(run),
            fallbacks=(),
        )
    return found if nodes is None else replace(found, nodes=nodes[0], on_demand_nodes=nodes[0] - nodes[1])
