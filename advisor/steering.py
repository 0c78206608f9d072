"""Where a run goes next by estimates alone: for runs that the policy under a deadline cannot decide.

That is where no on-demand pool is known or allowed, so that no deadline can be promised, or no spot
pool is there to decide about (docs/decisions/0015-one-policy-answers-runs.md). Pure choices among
estimated options.

Only capacity seen to be there, or never observed, is chosen, and on-demand. Spot is left for
on-demand as soon as its P90 finish no longer fits before the deadline. Capacity that came back
less than an hour ago is passed over while other spot is there. With time in hand and no spot
anywhere, waiting is chosen where it is cheaper than on-demand. The pool just lost is judged by
its hazard like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import ceil

from model.estimate import PoolStatistics
from model.job import SECONDS_PER_HOUR, Job
from model.market import CapacityType, Pool

from . import format as fmt
from .recommend import Option

ON_DEMAND_WORD = "switch_to_on_demand"
SAFE = 0.9  # The chance of meeting the deadline below which spot is left.
WORTH_MOVING = 0.2  # Share of what is left to pay that a move must save.
# Of recorded stretches of capacity 59-62 % last less than an hour, and hold 11-15 % of its hours.
SETTLED_HOURS = 1.0
ON_DEMAND_KEPT = 5
SHORTEST_WAIT_S, LONGEST_WAIT_S = 300.0, 3600.0  # Market seconds until the question is asked again.


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An option to start, or none and how long to wait, with the reasons."""

    option: Option | None
    wait_s: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """What a live run is told."""

    word: str  # continue | checkpoint_now | migrate | switch_to_on_demand | wait
    target: Pool | None
    reason: str


def contenders(kept: Sequence[PoolStatistics], job: Job, here: Pool) -> list[PoolStatistics]:
    """Return the pools worth estimating on the way: where the run is, spot, and the cheapest on-demand.

    Nothing is uncertain about on-demand but its egress, so a handful of the cheapest is enough;
    a market lists hundreds, and a live run asks often.
    """

    def work_price(seen: PoolStatistics) -> tuple[float, str]:
        nodes = ceil(job.gpus / seen.sku.gpu_count)
        return nodes * seen.price_usd_per_hour / job.throughput[seen.sku.gpu_model], seen.pool.key

    steady = [seen for seen in kept if seen.pool.capacity_type is CapacityType.ON_DEMAND]
    cheapest = {seen.pool for seen in sorted(steady, key=work_price)[:ON_DEMAND_KEPT]}
    dropped = {seen.pool for seen in steady} - cheapest - {here}
    return [seen for seen in kept if seen.pool not in dropped]


def is_on_demand(option: Option) -> bool:
    """True where the provider does not take it back."""
    return option.pool.capacity_type is CapacityType.ON_DEMAND


def obtainable(option: Option, unavailable: Collection[str]) -> bool:
    """True where a start may be tried: on-demand, seen there now, or never observed; and not refused."""
    if option.pool.key in unavailable:
        return False
    return is_on_demand(option) or option.estimate.statistics.available_now is not False


def settled(option: Option) -> bool:
    """False where capacity came back so lately that it is more likely than not to go again at once."""
    up_hours = option.estimate.statistics.up_hours
    return up_hours is None or up_hours >= SETTLED_HOURS


def chance(option: Option) -> float:
    """Return the chance of meeting the deadline; certain where there is none, or lateness is in the price."""
    if option.estimate.late_hours is not None:
        return 1.0
    return 1.0 if option.estimate.p_deadline is None else option.estimate.p_deadline


def left_to_pay(option: Option) -> float:
    """Return the mean USD that what is left of the job costs, with the stated value of time waited."""
    return option.estimate.effective_usd_per_gpu_hour.mean * option.estimate.useful_gpu_hours


def next_choice(options: Sequence[Option], job: Job, unavailable: Collection[str]) -> Choice:
    """Choose where the rest of a job goes.

    Args:
        options: The rest of the job on every allowed pool.
        job: What is left of it.
        unavailable: Pool keys that the launcher has just tried in vain.
    """
    there = [option for option in options if obtainable(option, unavailable)]
    safe = [option for option in there if chance(option) >= SAFE]
    lasting = [option for option in safe if settled(option) and not is_on_demand(option)]
    best = min(lasting or safe, key=left_to_pay, default=None)
    if best is None and there:
        best = max(there, key=lambda option: (chance(option), -left_to_pay(option)))
    gone = [option for option in options if option not in there]
    awaited = _worth_waiting_for(best, gone)
    if awaited:
        return _wait(awaited, best)
    if best is None:
        return Choice(option=None, wait_s=SHORTEST_WAIT_S, reasons=("No allowed pool has capacity now.",))
    return Choice(option=best, wait_s=0.0, reasons=_why(best, options, there, job))


def _worth_waiting_for(best: Option | None, gone: Sequence[Option]) -> Option | None:
    """Return the absent spot pool that beats on-demand, if the deadline allows the wait.

    The estimate of a pool without capacity starts with that wait, in its hours and its chance.
    """
    if best is not None and not is_on_demand(best):
        return None
    limit = left_to_pay(best) if best else float("inf")
    hopeful = [
        option
        for option in gone
        if not is_on_demand(option) and left_to_pay(option) < limit and chance(option) >= SAFE
    ]
    return min(hopeful, key=left_to_pay, default=None)


def _wait(awaited: Option, best: Option | None) -> Choice:
    gap_hours = awaited.estimate.statistics.gap_hours
    instead = f"{fmt.usd(left_to_pay(best))} on demand" if best else "nothing that can be had now"
    wait_s = min(max(gap_hours * SECONDS_PER_HOUR / 4, SHORTEST_WAIT_S), LONGEST_WAIT_S)
    told = (
        f"No spot pool has capacity now. {awaited.pool.key} is expected back after {fmt.hours(gap_hours)} "
        f"and would finish what is left for {fmt.usd(left_to_pay(awaited))} instead of {instead}; "
        f"{'lateness is counted.' if awaited.estimate.late_hours else 'the deadline allows the wait.'}"
    )
    return Choice(option=None, wait_s=wait_s, reasons=(told,))


def _why(best: Option, options: Sequence[Option], there: Sequence[Option], job: Job) -> tuple[str, ...]:
    found = best.estimate
    told = [
        f"{best.pool.key} finishes what is left for {fmt.usd(left_to_pay(best))} on average, at "
        f"{fmt.price(found.effective_usd_per_gpu_hour.mean)} per useful GPU-hour."
    ]
    endangered = [o for o in there if left_to_pay(o) < left_to_pay(best) and chance(o) < SAFE]
    if endangered:
        cheapest = min(endangered, key=left_to_pay)
        told.append(
            f"{cheapest.pool.key} would be cheaper at {fmt.usd(left_to_pay(cheapest))}, but meets the "
            f"deadline {fmt.instant(job.deadline_at)} only with a chance of {fmt.percent(chance(cheapest))}; "
            f"we ask for {fmt.percent(SAFE)}."
        )
    if chance(best) < SAFE:
        told.append(
            f"No pool meets the deadline {fmt.instant(job.deadline_at)} with {fmt.percent(SAFE)}; this one "
            f"comes nearest with {fmt.percent(chance(best))}."
        )
    missing = len(options) - len(there)
    if missing:
        told.append(f"{missing} of {len(options)} pools have no capacity now.")
    return tuple(told)


def why_not(option: Option, chosen: Pool | None, unavailable: Collection[str]) -> str:
    """Return in a sentence why an alternative was not taken, or that it was."""
    if option.pool == chosen:
        return "Chosen."
    if option.pool.key in unavailable:
        return "Tried just now in vain."
    if not obtainable(option, unavailable):
        return "Not obtainable at the latest probe."
    if chosen is not None and not settled(option):
        return "Its capacity came back less than an hour ago, and most such stretches are short."
    if chance(option) < SAFE:
        return f"Meets the deadline only with a chance of {fmt.percent(chance(option))}."
    return f"Costs {fmt.usd(left_to_pay(option))} for what is left."


def directive(options: Sequence[Option], here: Pool, job: Job) -> Directive:
    """Tell a live run whether to stay.

    Args:
        options: The rest of the job on every allowed pool, the current one among them.
        here: Where it runs.
        job: What is left of it.
    """
    current = next((option for option in options if option.pool == here), None)
    if current is None:
        return Directive(word="continue", target=None, reason="Nothing is known against the present pool.")
    there = [option for option in options if option is not current and obtainable(option, ())]
    if not is_on_demand(current) and chance(current) < SAFE:
        refuge = max(filter(is_on_demand, there), key=chance, default=None)
        if refuge and chance(refuge) > chance(current):
            return Directive(word=ON_DEMAND_WORD, target=refuge.pool, reason=_rescue(current, refuge, job))
    better = [o for o in there if not is_on_demand(o) and settled(o) and chance(o) >= SAFE]
    best = min(better, key=left_to_pay, default=None)
    if best and best.estimate.statistics.available_now and _saves(best, current):
        return Directive(word="migrate", target=best.pool, reason=_gain(best, current))
    return Directive(
        word="continue", target=None, reason="No obtainable pool is better enough to pay for a move."
    )


def _saves(best: Option, current: Option) -> bool:
    return left_to_pay(best) < (1 - WORTH_MOVING) * left_to_pay(current)


def _rescue(current: Option, refuge: Option, job: Job) -> str:
    return (
        f"Staying meets the deadline {fmt.instant(job.deadline_at)} with a chance of "
        f"{fmt.percent(chance(current))}; on-demand with {fmt.percent(chance(refuge))}."
    )


def _gain(best: Option, current: Option) -> str:
    return (
        f"{best.pool.key} finishes what is left for {fmt.usd(left_to_pay(best))}, here it is "
        f"{fmt.usd(left_to_pay(current))}."
    )
