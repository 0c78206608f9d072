"""The worked example of an article, for a terminal and for `--json`."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.text import Text

from model.article import MODE, ArticleCase, Rerun

from . import format as fmt


def print_article(case: ArticleCase) -> None:
    """Print the worked example."""
    Console(highlight=False).print(Text(article_text(case)), soft_wrap=True)


def article_answer(case: ArticleCase) -> dict[str, Any]:
    """Return the worked example for `--json`: both ways to rerun lost hours, money as decimal strings."""
    cases = {rerun: replace(case, rerun=rerun) for rerun in ("on_demand", "spot")}
    figures = {
        rerun: {
            "cost_usd": str(each.cost),
            "savings": float(each.savings),
            "finish_hours": float(each.finish_hours),
            "breakeven_lost_hours": None
            if each.breakeven_lost_hours is None
            else float(each.breakeven_lost_hours),
        }
        for rerun, each in cases.items()
    }
    return {"mode": MODE, "on_demand_cost_usd": str(case.baseline), "rerun": case.rerun, "by_rerun": figures}


def article_text(case: ArticleCase) -> str:
    """Return the worked example as lines: its own way to rerun lost hours first, then the other."""
    other: Rerun = "spot" if case.rerun == "on_demand" else "on_demand"
    return "\n".join(
        (
            f"Accounting mode {MODE}: {_plain(case.lost_hours)} lost hours are an input, not a prediction.",
            f"On-demand: {fmt.usd(case.baseline)} for {_plain(case.hours)} h.",
            _article_line(case),
            _article_line(replace(case, rerun=other)),
        )
    )


def _article_line(case: ArticleCase) -> str:
    limit = case.breakeven_lost_hours
    pays = "at any loss" if limit is None else f"up to {_plain(limit)} lost hours"
    return (
        f"Spot, lost hours done again on {case.rerun.replace('_', '-')}: {fmt.usd(case.cost)}, savings "
        f"{fmt.percent(case.savings, 2)}, finished after {_plain(case.finish_hours)} h; pays {pays}."
    )


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
