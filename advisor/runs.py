"""Runs: opened from a recommendation, told where to go next, accounted for from their events.

The service numbers the attempts, and an attempt is the fencing epoch of its checkpoints, so
issuing one is serialised. What is left of a job is `advisor.runstate`'s arithmetic; where it
goes is `advisor.steering`'s choice.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from model.cost import SideCosts
from model.errors import ImpossibleInput
from model.estimate import PoolStatistics
from model.job import Job
from model.market import Pool
from trainer.plan import PlanStores

from .accounting import account
from .answers import instant, to_json
from .evidence import take_evidence
from .fallbacks import fallbacks
from .intake import sift_events
from .missing import Conflict
from .planning import Placement, make_plan
from .progress import RunClock, checkpoints
from .recommend import Option, rank
from .rules import sift
from .runstate import RunState, load
from .shortlist import SidesOf
from .sides import move
from .siting import TariffRates, settled_side, sited_on
from .steering import Choice, contenders, directive, left_to_pay, next_choice, why_not
from .wire import EventBatch, NextPoolRequest, RunRequest, StoresSection

if TYPE_CHECKING:
    from .service import Service

DRAWS = 1000  # Of a decision on the way; the recommendation before it took more.
DIRECTIVE_VALID = timedelta(minutes=15)


class Runs:
    """The runs of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
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
            options = self._options(run, left, as_of)
            choice = next_choice(options, left, request.unavailable)
            answer = {
                **self._envelope(run, as_of),
                **_decision(run, left, options, choice, request.unavailable),
            }
            if choice.option is None:
                return answer
            placement = Placement.of_option(choice.option, fallbacks(choice.option, options))
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
            "light_every_s": run.plan.checkpoint.light_every_s,
            "full_every_s": run.plan.checkpoint.full_every_s,
            "reason": "The run is over." if over else "",
            "valid_until": instant(at + DIRECTIVE_VALID),
        }
        if attempt is not None and attempt < run.newest.attempt:
            reason = f"Attempt {run.newest.attempt} has been issued since; this one may not commit any more."
            return {**answer, "directive": "wait", "reason": reason}
        return answer if over else {**answer, **self._orders(run, at)}

    def view(self, run_id: str) -> dict[str, Any]:
        """Return a run: state, attempts, newest checkpoint, predicted against realised, timeline."""
        run = self._load(run_id)
        now = run.over_at() or self._service.clock()
        predicted = json.loads(run.row.predicted)
        realised, timeline = account(self._service.store, run, predicted, now=now)
        return {
            **self._envelope(run, run.clock.market_at(now)),
            **run.head(),
            "job": run.answer["spec"]["job"],
            "deadline_at": run.job.deadline_at,
            "attempts": [
                {"attempt": row.attempt, "pool_id": row.pool_key, "issued_at": row.issued_at}
                for row in run.attempts
            ],
            "checkpoint": run.checkpoint(),
            "predicted": predicted,
            "realised": realised,
            "timeline": timeline,
        }

    def all(self) -> dict[str, Any]:
        """Return the head of every run, newest first."""
        rows = sorted(self._service.store.runs(), key=lambda row: (row.opened_at, row.run_id), reverse=True)
        runs = [self._load(row.run_id) for row in rows]
        return {
            **self._service.envelope(self._service.clock()),
            "sources": sorted({source for run in runs for source in run.answer["sources"]}),
            "synthetic": any(run.answer["synthetic"] for run in runs),
            "runs": [run.head() for run in runs],
        }

    def checkpoints(self, run_id: str) -> dict[str, Any]:
        """Return the committed generations of a run, newest first."""
        run = self._load(run_id)
        head = self._envelope(run, self._service.clock())
        return {**head, "run_id": run_id, "checkpoints": checkpoints(run.events)}

    def events(self, run_id: str) -> dict[str, Any]:
        """Return the stored events of a run, in order."""
        run = self._load(run_id)
        return {**self._envelope(run, self._service.clock()), "run_id": run_id, "events": run.events}

    def _envelope(self, run: RunState, at: datetime) -> dict[str, Any]:
        """Return what an answer about a run says of itself; the sources are its recommendation's."""
        known = {name: run.answer[name] for name in ("sources", "synthetic")}
        return {**self._service.envelope(at), **known}

    def _load(self, run_id: str) -> RunState:
        return load(self._service.store, run_id)

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

    def _options(self, run: RunState, left: Job, as_of: datetime, *, live: bool = False) -> list[Option]:
        """Return what is left of a run, estimated on every pool in question, best first.

        Where the run is live, its pool has capacity, whatever the latest probe said.
        """
        known, refused = self._service.statistics(run.job, as_of, run.answer["window_hours"])
        kept = contenders(sift(known, refused, run.job, as_of)[0], left, run.here)
        if live:
            kept = [replace(seen, available_now=True) if seen.pool == run.here else seen for seen in kept]
        seed = run.answer["seed"] + run.newest.attempt
        return rank(left, kept, self._sides(run), as_of=as_of, seed=seed, draws=DRAWS)[0]

    def _sides(self, run: RunState) -> SidesOf:
        """Return the side costs of moving on: the data set where it has not been yet, and the checkpoint.

        Sited as the recommendation sites the job, so that residency holds on every move.
        """
        visited = {_place(Pool.parse(row.pool_key)) for row in run.attempts}
        state_bytes = run.job.state_bytes if run.checkpoint() else 0
        tariffs, here = self._service.tariffs, run.here
        rates = TariffRates(tariffs)

        def sides(seen: PoolStatistics) -> SideCosts:
            base = settled_side(sited_on(run.job, seen, rates)[0], here=_place(seen.pool) in visited)
            (usd, hours), _ = move(state_bytes, here.provider, here.region, seen.pool, tariffs)
            return replace(base, egress_usd=base.egress_usd + usd, egress_hours=base.egress_hours + hours)

        return sides

    def _orders(self, run: RunState, at: datetime) -> dict[str, Any]:
        left = run.what_is_left(at, committed_only=False)
        options = self._options(run, left, at, live=True)
        told = directive(options, run.here, left)
        here = next((option for option in options if option.pool == run.here), None)
        orders: dict[str, Any] = {"directive": told.word, "reason": told.reason}
        if here:
            orders["full_every_s"] = here.estimate.interval_s
        if told.target:
            pool = told.target.pool
            orders["target"] = {"pool_id": pool.key, "capacity_type": pool.capacity_type.value}
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


def _place(pool: Pool) -> tuple[str, str]:
    return pool.provider, pool.region


def _decision(
    run: RunState, left: Job, options: Sequence[Option], choice: Choice, unavailable: Collection[str]
) -> dict[str, Any]:
    return {
        "run_id": run.row.run_id,
        "action": "start" if choice.option else "wait",
        "wait_s": choice.wait_s,
        "pool_id": None,
        "attempt": None,
        "plan": None,
        "reasons": list(choice.reasons),
        "alternatives": [_alternative(each, why_not(each, choice.option, unavailable)) for each in options],
        "remaining_useful_hours": left.useful_hours,
        "checkpoint": run.checkpoint(),
    }


def _alternative(option: Option, reason: str) -> dict[str, Any]:
    found = option.estimate
    return {
        "pool_id": option.pool.key,
        "effective_usd_per_gpu_hour": found.effective_usd_per_gpu_hour.mean,
        "left_to_pay_usd": left_to_pay(option),
        "p_deadline": found.p_deadline,
        "available_now": found.statistics.available_now,
        "reason": reason,
    }
