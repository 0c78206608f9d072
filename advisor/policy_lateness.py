"""How late a run is expected to end for a soft deadline, by what is done now, and what that counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from model.deciding import Policy
from model.policy_reasons import Alternative, Question
from model.spot_action import Action, Mix

from . import format as fmt
from .policy_asked import Asked

Done = tuple[Action, Mix | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """Expected hours after the deadline at the end, by what is done now."""

    soft: bool
    usd_per_hour: float = 0.0
    hours: Mapping[Done, float] = field(default_factory=dict)

    @classmethod
    def of(cls, policy: Policy, question: Question, asked: Asked) -> Lateness:
        """Ask a policy, which stays as it is.

        Hours that have passed since the deadline count, and those of the tick that begins now: the policy
        tells what follows it, in whole ticks.
        """
        left = asked.hours_left
        if not asked.job.soft or left is None:
            return cls(soft=False)
        told = policy.lateness(question.now_h, question.done_h, question.current, question.available)
        by_now = max(policy.promise.tick_hours - left, 0.0)
        hours = {(each.action, each.mix): by_now + after for each, after in told}
        return cls(soft=True, usd_per_hour=asked.job.late_usd_per_hour, hours=hours)

    def of_one(self, each: Alternative) -> float:
        """Return the expected hours late of an alternative."""
        return self.hours[each.action, each.mix]

    def told(self, best: Alternative) -> dict[str, float]:
        """Return a decision's figures; none where the deadline is not soft."""
        if not self.soft:
            return {}
        late = self.of_one(best)
        return {
            "value_of_time_usd_per_hour": self.usd_per_hour,
            "expected_late_hours": late,
            "expected_late_usd": late * self.usd_per_hour,
        }

    def words(self, best: Alternative, asked: Asked) -> list[str]:
        """Return a sentence on how late it will be; none where the deadline is not soft."""
        if not self.soft:
            return []
        late, deadline = self.of_one(best), fmt.instant(asked.job.deadline_at)
        worth = fmt.usd_per_hour(self.usd_per_hour)
        if late < NO_LATER_HOURS:
            return [f"The deadline {deadline} is soft, at {worth} late; it is expected to be met."]
        counts = fmt.usd(late * self.usd_per_hour)
        return [
            f"The deadline {deadline} is soft: it is expected to end {fmt.hours(late)} late on average, "
            f"which counts {counts} at {worth} beside what machines cost."
        ]


NO_LATER_HOURS = 1.0 / 60.0  # Of what is expected: a minute late is in time.
