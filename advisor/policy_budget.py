"""A run's budget as its decision tells it: what went to machines so far, and what is expected beyond it."""

from __future__ import annotations

from typing import Any

from model.policy_reasons import Alternative

from . import format as fmt
from .policy_asked import Asked

NO_BUDGET: dict[str, float | None] = {"budget_usd": None, "spent_usd": None, "over_budget_usd": None}


def budget_told(asked: Asked, best: Alternative) -> dict[str, Any]:
    """Return a decision's figures: None where there is no budget, or what was billed is unknown."""
    return {
        "budget_usd": asked.job.budget_usd,
        "spent_usd": asked.spent_usd,
        "over_budget_usd": None if asked.budget_usd is None else best.over_budget_usd,
    }


def budget_words(asked: Asked, best: Alternative) -> list[str]:
    """Return a sentence on the budget; none where there is none."""
    budget = asked.job.budget_usd
    if budget is None:
        return []
    if asked.spent_usd is None:
        return [f"What was billed so far is unknown: the budget of {fmt.usd(budget)} is not judged."]
    spent = f"{fmt.usd(asked.spent_usd)} of the budget of {fmt.usd(budget)} went to machines so far"
    if not best.over_budget_usd:
        return [f"{spent}; the rest is expected to stay within it."]
    least = "at least " if asked.left.value_of_time_usd_per_hour else ""
    first = "; the deadline goes first" if asked.left.deadline_at and not asked.job.soft else ""
    over = f"go over budget by {least}{fmt.usd(best.over_budget_usd)}{first}"
    return [f"{spent}; the rest is expected to {over}."]
