"""Runs: opened from a recommendation, told where to go next, accounted for from their events.

The service numbers the attempts, and an attempt is the fencing epoch of its checkpoints, so
issuing one is serialised. What is left of a job is `advisor.runstate`'s arithmetic; where it
goes is decided in `advisor.run_decisions`.
"""

from __future__ import annotations

import json
import secrets
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from model.errors import ImpossibleInput
from trainer.plan import PlanStores

from .answers import instant, to_json
from .capacity_told import BY_ESTIMATES, with_capacity
from .evidence import take_evidence
from .intake import sift_events
from .missing import Conflict
from .planning import Placement, make_plan
from .progress import RunClock
from .run_choices import asked_of
from .run_commitments import CommittedDecisions
from .runstate import RunState
from .wire_runs import EventBatch, NextPoolRequest, RunRequest, StoresSection

if TYPE_CHECKING:
    from .service import Service

DIRECTIVE_VALID = timedelta(minutes=15)


class Runs(CommittedDecisions):
    """The runs of one service."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._issuing = threading.Lock()

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
            asked = asked_of(
                run, left, as_of, holds=False, unavailable=request.unavailable, spent_usd=self._spent_usd(run)
            )
            asked, unused = with_capacity(asked, request.capacity, self._market(asked))
            answer, placement = self._next(run, asked)
            if asked.capacity and answer["decision"]["by"] == "estimates":
                unused = unused or (BY_ESTIMATES,)
            answer = {**self._envelope(run, as_of), **answer}
            answer["reasons"] = [*answer["reasons"], *unused]
            if placement is None:
                return answer
            return {**answer, **self._issue(run, placement, run.plan.stores, as_of)}

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
            on_its_pool=run.row.clock is None and not run.answer["synthetic"],
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
