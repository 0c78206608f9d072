"""Runs: opened from a recommendation, told where to go next, accounted for from their events.

The service numbers the attempts, and an attempt is the fencing epoch of its checkpoints, so
issuing one is serialised. What is left of a job is `advisor.runstate`'s arithmetic; where it
goes is `advisor.steering`'s choice.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from model.errors import ImpossibleInput
from model.estimate import PoolStatistics
from model.market import Pool
from trainer.plan import PlanStores

from .answers import instant, to_json
from .evidence import take_evidence
from .fallbacks import fallbacks
from .intake import sift_events
from .missing import Conflict
from .planning import Placement, make_plan
from .policy_asked import ASKED_AGAIN_S, Asked
from .policy_desk import PRICES_HOLD_AT_MOST, Decided, Desk
from .policy_field import nodes_of
from .policy_words import by_estimates, told
from .progress import RunClock
from .recommend import Option, rank
from .run_choices import asked_of, next_answer, ordered, sides_of, spot_interval_s
from .run_views import RunViews
from .runstate import RunState
from .steering import contenders, directive, next_choice
from .wire_runs import EventBatch, NextPoolRequest, RunRequest, StoresSection

if TYPE_CHECKING:
    from .service import Service

DRAWS = 1000  # Of a decision on the way; the recommendation before it took more.
FEW_DRAWS = 100  # Where an estimate is asked for its interval alone, which is not drawn.
DIRECTIVE_VALID = timedelta(minutes=15)


class Runs(RunViews):
    """The runs of one service."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._issuing = threading.Lock()
        self._desk = Desk(service)

    def open(self, request: RunRequest) -> dict[str, Any]:
        """Open a run on one option of a recommendation, and issue its first attempt.

        Raises:
            Missing: No such recommendation.
            ImpossibleInput: It has no option of that rank, or the clock leads nowhere.
        """
        option = self._option(request)
        opened_at = self._service.clock()
        clock = request.clock.model_dump(mode="json") if request.clock else None
        as_of = RunClock.of(clock, opened_at).market_at(opened_at)  # Refused here, not at the first loss.
        run_id = f"run-{secrets.token_hex(8)}"
        self._service.store.open_run(
            run_id,
            recommendation_id=request.recommendation_id,
            opened_at=opened_at,
            clock=clock,
            predicted=to_json(option),
        )
        run = self._load(run_id)
        with self._issuing:
            issued = self._issue(run, Placement.of_stored(option), _stores(request.stores), as_of)
        return {**self._envelope(run, as_of), "run_id": run_id, **issued, "predicted": option}

    def append_events(self, run_id: str, batch: EventBatch) -> dict[str, Any]:
        """Keep what a node reports; the same event twice is kept once, a malformed one is refused alone."""
        run = self._load(run_id)
        good, rejected = sift_events(batch.events, run_id, len(run.attempts), run.clock)
        accepted, duplicates = self._service.store.append_events(run_id, good)
        evidence = None
        # An end that is sent again is taken again: the service may have died before it was made a fact.
        if accepted or any(event["event"] == "ended" for event in good):
            synthetic = bool(run.answer["synthetic"])
            evidence = take_evidence(self._service.store, run.row, good, synthetic=synthetic)
        return {
            **self._envelope(run, self._service.clock()),
            "accepted": accepted,
            "duplicates": duplicates,
            "conflicting": len(good) - accepted - duplicates,
            "rejected": rejected,
            "evidence": evidence,
        }

    def next_pool(self, run_id: str, request: NextPoolRequest) -> dict[str, Any]:
        """Say where the rest of a run goes, and issue the attempt; or say how long to wait.

        Raises:
            Missing: No such run or attempt.
            Conflict: A newer attempt is already at work.
        """
        with self._issuing:
            run = self._load(run_id)
            run.refuse_stale(request.attempt)
            as_of = request.as_of or self._market_now(run)
            left = run.what_is_left(as_of, committed_only=True)
            asked = asked_of(run, left, as_of, holds=False, unavailable=request.unavailable)
            decided = self._desk.decide(asked, sides_of(run, self._service.tariffs))
            options = self._options(run, asked)
            if isinstance(decided, str):
                answer, placement = self._by_estimates(run, asked, options, decided)
            else:
                answer, placement = self._by_policy(run, asked, options, decided)
            answer = {**self._envelope(run, as_of), **answer}
            if placement is None:
                return answer
            return {**answer, **self._issue(run, placement, run.plan.stores, as_of)}

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

    def directive(self, run_id: str, attempt: int | None, as_of: datetime | None) -> dict[str, Any]:
        """Tell a live run whether to stay, and how often to save from now on."""
        run = self._load(run_id)
        at = as_of or self._market_now(run)
        over = run.state == "done"
        answer = {
            **self._envelope(run, at),
            "run_id": run_id,
            "attempt": run.newest.attempt,
            "directive": "continue",
            "target": None,
            "decision": None,
            "light_every_s": run.plan.checkpoint.light_every_s,
            "full_every_s": run.plan.checkpoint.full_every_s,
            "reason": "The run is over." if over else "",
            "valid_until": instant(at + DIRECTIVE_VALID),
        }
        if attempt is not None and attempt < run.newest.attempt:
            reason = f"Attempt {run.newest.attempt} has been issued since; this one may not commit any more."
            return {**answer, "directive": "wait", "reason": reason}
        return answer if over else {**answer, **self._orders(run, at)}

    def tend(self, run_id: str) -> None:
        """Prepare the next directive of a run, once the last has been answered."""
        self._desk.tend(run_id)

    def _market_now(self, run: RunState) -> datetime:
        return run.clock.market_at(self._service.clock())

    def _option(self, request: RunRequest) -> dict[str, Any]:
        """Return the option of a stored recommendation that a run is opened on."""
        options = json.loads(self._service.recommendation(request.recommendation_id))["options"]
        if request.rank > len(options):
            raise ImpossibleInput(
                f"Recommendation {request.recommendation_id} has {len(options)} options, "
                f"none of rank {request.rank}.",
                fix="Give a rank from its options.",
            )
        option: dict[str, Any] = options[request.rank - 1]
        return option

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

    def _orders(self, run: RunState, at: datetime) -> dict[str, Any]:
        asked = asked_of(run, run.what_is_left(at, committed_only=False), at, holds=True)
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
        if here:
            orders["full_every_s"] = here.estimate.interval_s
        if order.target:
            kind = order.target.capacity_type.value
            orders["target"] = {"pool_id": order.target.key, "capacity_type": kind}
        return orders

    def _issue(
        self, run: RunState, placement: Placement, stores: PlanStores, as_of: datetime
    ) -> dict[str, Any]:
        """Number and write the next attempt; the caller holds the lock."""
        attempt, pool = len(run.attempts) + 1, placement.pool
        plan = make_plan(
            run.job,
            placement,
            run_id=run.row.run_id,
            attempt=attempt,
            issued_at=as_of,
            stores=stores,
            origin=run.origin,
            nominal_notice_s=self._service.tariffs.notice_s(pool.provider).value,
            service_url=self._service.url,
        )
        issued = self._service.store.issue_attempt(
            run.row.run_id, pool_key=pool.key, issued_at=as_of, plan=plan.to_json().encode()
        )
        if issued != attempt:
            raise Conflict(
                f"Attempt {issued} of {run.row.run_id} was issued while {attempt} was being written.",
                fix="Ask again.",
            )
        return {"attempt": attempt, "pool_id": pool.key, "plan": plan.to_dict()}


def _stores(asked: StoresSection) -> PlanStores:
    return PlanStores(
        local_dir=asked.local_dir,
        primary_url=asked.primary_url,
        replica_urls=tuple(asked.replica_urls),
        key_ref=asked.key_ref,
    )


def _held(seen: PoolStatistics) -> PoolStatistics:
    return replace(seen, available_now=True)


def _placement(
    run: RunState, asked: Asked, target: PoolStatistics, option: Option | None, options: Sequence[Option]
) -> Placement:
    """Return where to start; a pool that could not be estimated saves as spot was planned to."""
    if option:
        return Placement.of_option(option, fallbacks(option, options))
    return Placement(
        pool=target.pool,
        nodes=nodes_of(asked.left, target),
        gpus_per_node=target.sku.gpu_count,
        interval_s=spot_interval_s(run),
        fallbacks=(),
    )
