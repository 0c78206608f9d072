"""The worked example, to the cent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from model.article import ArticleCase
from model.errors import ImpossibleInput


def case(**changes: Any) -> ArticleCase:
    plain: dict[str, Any] = {"hours": 24, "price_spot": 6, "price_on_demand": 20, "lost_hours": 2}
    return ArticleCase(**plain | changes)


def test_the_article_reruns_lost_hours_on_on_demand():
    # 24 * 6 + 2 * 20 = 184 against 24 * 20 = 480.
    assert case().cost == Decimal(184)
    assert case().baseline == Decimal(480)
    assert float(case().savings) == pytest.approx(0.616666666667, rel=1e-12)


def test_rerun_on_spot_costs_156_and_saves_two_thirds():
    # 24 * 6 + 2 * 6 = 156; 1 - 156 / 480 = .675.
    assert case(rerun="spot").cost == Decimal(156)
    assert case(rerun="spot").savings == Decimal("0.675")


def test_the_job_ends_after_the_work_and_the_work_done_again():
    assert case().finish_hours == Decimal(26)


def test_break_even_lost_hours_of_both_modes():
    # What is saved, 480 - 144 = 336 USD, pays 336 / 20 = 16.8 h or 336 / 6 = 56 h.
    assert case().breakeven_lost_hours == Decimal("16.8")
    assert case(rerun="spot").breakeven_lost_hours == Decimal(56)


def test_at_break_even_nothing_is_saved():
    assert case(lost_hours="16.8").savings == 0


def test_free_spot_never_breaks_even_when_rerun_on_spot():
    assert case(price_spot=0, rerun="spot").breakeven_lost_hours is None


def test_money_in_decimal_stays_decimal_to_the_last_digit():
    # 24 * 0.1 + 2 * 0.3 = 3.0, which floats miss.
    exact = case(price_spot=Decimal("0.1"), price_on_demand=Decimal("0.3")).cost
    assert exact == Decimal("3.0")
    assert isinstance(exact, Decimal)


@pytest.mark.parametrize(
    "changes",
    [
        {"hours": -1},
        {"hours": 0},
        {"price_on_demand": 0},
        {"lost_hours": "NaN"},
        {"price_spot": "Infinity"},
        {"rerun": "moon"},
    ],
)
def test_an_impossible_case_is_refused(changes):
    with pytest.raises(ImpossibleInput) as refusal:
        case(**changes)
    assert refusal.value.fix
