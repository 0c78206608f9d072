"""Commitments of a run's job on the way: what is left of each, and whether the rest of the run belongs there.

Money that is owed anyway counts nothing, so a reservation that stands idle is nearly always the answer; a
run that is on one is not sent to the market, however cheap.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from model.commitments import CommitmentKind
from model.committed import Committed
from model.estimate import PoolStatistics
from model.job import SECONDS_PER_HOUR
from model.market import CapacityType, Pool

from . import format as fmt
from .committing import committed_ways
from .fallbacks import fallbacks
from .planning import Placement
from .policy_asked import ASKED_AGAIN_S, Asked
from .policy_desk import Decided
from .policy_field import Sides
from .policy_words import by_estimates
from .recommend import Option, as_option
from .run_choices import next_answer
from .run_decisions import DRAWS, MOST_LIVE, SHOWN, RunDecisions
from .runstate import RunState
from .steering import ON_DEMAND_WORD, SAFE, WORTH_MOVING, Directive, chance, left_to_pay, next_choice

if TYPE_CHECKING:
    from .service import Service

REFUSED_FOR = timedelta(hours=1)  # Market time in which no directive sends a run to what refused it.


def held_now(run: RunState, asked: Asked) -> list[Committed]:
    """Return the commitments of a run's job as they are by now, those that are over or refused left out.

    One that the run was started on is owed from then on, unless it is given back when the job is done.
    """
    hours = (asked.as_of - run.origin.as_of) / timedelta(hours=1)
    taken, begun, named = {row.pool_key for row in run.attempts}, _begun(run), _opened_on(run)
    pools = [committed.pool.key for committed in run.job.commitments]
    found = []
    for committed in run.job.commitments:
        key, stated = committed.pool.key, committed.commitment
        mine = key in taken and (pools.count(key) == 1 or stated.name == named)
        later = stated.later(max(hours, 0.0), taken=mine)
        if later is None or key in asked.unavailable:
            continue
        if mine and later.kind is not CommitmentKind.DISCOUNT and not later.cancellable:
            later = replace(later, bought=True)
        if mine and key in begun:  # Its machines ran, so it has started, however late it might have.
            later = replace(later, start_hours=(0.0, 0.0))
        found.append(replace(committed, commitment=later))
    return found


def _begun(run: RunState) -> set[str]:
    """Return the pools in which an attempt of the run was at work."""
    at_work = {event["attempt"] for event in run.events if event["event"] in ("started", "step")}
    return {row.pool_key for row in run.attempts if row.attempt in at_work}


def _opened_on(run: RunState) -> str | None:
    """Return the commitment that the run was opened on: two may be of one pool."""
    stated = json.loads(run.row.predicted).get("commitment")
    return stated["name"] if stated else None


def committed_options(
    run: RunState, asked: Asked, market: Sequence[PoolStatistics], sides: Sides, *, seed: int, draws: int
) -> list[Option]:
    """Return what is left of a run on each of its job's commitments that runs by now, the cheapest first.

    Args:
        run: As it stands.
        asked: What it is decided by.
        market: For the shapes of machines, and on-demand prices.
        sides: What a move to each costs.
        seed, draws: Of the estimates.
    """
    running = [each for each in held_now(run, asked) if each.commitment.start_hours[1] <= 0.0]
    if not running:
        return []
    left = replace(asked.left, commitments=tuple(running))
    ways, _ = committed_ways(left, market, sides, as_of=asked.as_of, seed=seed, draws=draws)
    return sorted(map(as_option, ways), key=lambda option: (left_to_pay(option), option.pool.key))


def cheaper_one(options: Sequence[Option], market_usd: float | None) -> Option | None:
    """Return the commitment that the rest goes to, in time and no dearer than the market; None for that.

    Args:
        options: On commitments, the cheapest first.
        market_usd: What the rest is expected to cost elsewhere; None where it cannot be had in time.
    """
    in_time = [option for option in options if chance(option) >= SAFE]
    return next((each for each in in_time if market_usd is None or left_to_pay(each) <= market_usd), None)


def why(option: Option, market_usd: float | None) -> str:
    """Return the sentence behind a commitment that was chosen."""
    name = option.commitment.name if option.commitment else option.pool.key
    other = "" if market_usd is None else f"; elsewhere it is expected to cost {fmt.usd(market_usd)}"
    return f"What is left costs {fmt.usd(left_to_pay(option))} more on {name!r}, which the job states{other}."


def until_over(run: RunState, asked: Asked, decision: dict[str, Any]) -> Directive | None:
    """Tell a run on a commitment that its rest does not fit there, to stay until shortly before its end.

    Then, and after it, it is told to leave, since its machines stop. None for a run that is not on one, or
    that pays for every hour on it.
    """
    stated = next((each for each in run.job.commitments if each.pool == asked.here), None)
    if stated is None or asked.here.capacity_type is CapacityType.ON_DEMAND:
        return None
    ours = [each.commitment for each in held_now(run, asked) if each.pool == asked.here]
    ours = [each for each in ours if each.bought or each.name == _opened_on(run)]
    here = max(ours, key=lambda each: each.usable_hours, default=None)
    hours, needed_s = here.usable_hours if here else 0.0, ASKED_AGAIN_S + asked.job.overheads.restart_s
    runs_for = f"{stated.commitment.name!r} is paid for, and its machines run for {fmt.hours(hours)} more"
    if hours * SECONDS_PER_HOUR > needed_s:
        told = f"{runs_for}; what is then left goes on elsewhere."
        return Directive(word="continue", target=None, reason=told) if here and here.bought else None
    target = next((each["pool_id"] for each in decision["alternatives"] if each["pool_id"]), None)
    if target is None:
        return Directive(word="checkpoint_now", target=None, reason=f"{runs_for}; save now.")
    pool = Pool.parse(target)
    steady = pool.capacity_type is CapacityType.ON_DEMAND
    told = f"{runs_for}; the rest goes on in {target}."
    return Directive(word=ON_DEMAND_WORD if steady else "migrate", target=pool, reason=told)


class Refused:
    """Which commitments each run was refused, and when: in memory, so a new service asks once more."""

    def __init__(self) -> None:
        self._at: OrderedDict[str, dict[str, datetime]] = OrderedDict()

    def keep(self, run_id: str, keys: Iterable[str], at: datetime) -> None:
        """Keep that a run was refused machines of these pools; the run least lately refused goes first."""
        if refused := dict.fromkeys(keys, at):
            self._at[run_id] = {**self._at.get(run_id, {}), **refused}
            self._at.move_to_end(run_id)
        while len(self._at) > MOST_LIVE:
            self._at.popitem(last=False)

    def lately(self, run_id: str, now: datetime) -> frozenset[str]:
        """Return the keys of the pools that a run was refused less than an hour ago, by market time."""
        kept = self._at.get(run_id, {})
        return frozenset(key for key, at in kept.items() if timedelta(0) <= now - at < REFUSED_FOR)


class CommittedDecisions(RunDecisions):
    """The part of a service's runs that knows what they have bought."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._refused = Refused()

    def _answered(
        self, run: RunState, asked: Asked, decided: Decided | str
    ) -> tuple[dict[str, Any], Placement | None]:
        """Return the answer to next-pool: a commitment where the rest costs least, else the market's."""
        stated = {each.pool.key for each in run.job.commitments}
        self._refused.keep(run.row.run_id, stated & asked.unavailable, asked.as_of)
        options = self._committed(run, asked)
        market_usd = self._market_usd(run, asked, decided) if options else None
        chosen = cheaper_one(options, market_usd)
        if chosen is None:
            return super()._answered(run, asked, decided)
        there = {option.pool for option in options}
        others = [each for each in self._options(run, asked, most=SHOWN) if each.pool not in there]
        told = why(chosen, market_usd)
        answer = next_answer(
            run, asked.left, [*options, *others], asked.unavailable, chosen=chosen.pool, wait_s=0.0,
            reasons=(told,), decision=by_estimates(told),
        )  # fmt: skip
        return answer, Placement.of_option(chosen, fallbacks(chosen, others))

    def _ordered(
        self, run: RunState, asked: Asked, decided: Decided | str
    ) -> tuple[Directive, dict[str, Any]]:
        """Tell a live run to stay on what is paid for, or to go to it; else what the market says."""
        order, decision = super()._ordered(run, asked, decided)
        if not run.job.commitments:
            return order, decision
        return self._by_commitments(run, asked, decided, decision) or order, decision

    def _by_commitments(
        self, run: RunState, asked: Asked, decided: Decided | str, decision: dict[str, Any]
    ) -> Directive | None:
        held = {asked.here.key}  # It is there, whatever was refused before.
        refused = self._refused.lately(run.row.run_id, asked.as_of) - held
        options = self._committed(run, replace(asked, unavailable=asked.unavailable | refused))
        market_usd = self._market_usd(run, asked, decided)
        best = cheaper_one(options, market_usd)
        if best is not None and best.pool == asked.here:
            return Directive(word="continue", target=None, reason=why(best, market_usd))
        if staying := until_over(run, asked, decision):
            return staying
        if best is None:
            return None
        if market_usd is not None and left_to_pay(best) > (1.0 - WORTH_MOVING) * market_usd:
            return None
        return Directive(word="migrate", target=best.pool, reason=why(best, market_usd))

    def _committed(self, run: RunState, asked: Asked) -> list[Option]:
        if not run.job.commitments:
            return []
        seed = run.answer["seed"] + run.newest.attempt - 1
        market = self._market(asked)
        return committed_options(run, asked, market, self._sides.of(run), seed=seed, draws=DRAWS)

    def _market_usd(self, run: RunState, asked: Asked, decided: Decided | str) -> float | None:
        """Return what the rest is expected to cost off commitments; None where it cannot be had in time."""
        if isinstance(decided, str):
            option = next_choice(self._options(run, asked), asked.left, asked.unavailable).option
            return left_to_pay(option) if option and chance(option) >= SAFE else None
        one = decided.chosen  # Under a soft deadline lateness is in the cost.
        return one.best.cost_usd if one.lateness.soft or one.best.p_on_time else None
