"""How firmly a pool is first: by counting paths, by changing one thing, by looking for the end of a lead."""

from __future__ import annotations

from datetime import datetime
from math import inf

import numpy as np
import pytest

from model.course_markets import believed
from model.errors import ImpossibleInput
from model.placement import SideCosts, placed
from model.simulated import simulation
from model.standing import CHANGES, Factors, break_even, first_chances, sensitivities

SIDE = SideCosts(egress_usd=50.0, egress_hours=0.5, storage_usd_per_hour=0.1)


def test_the_cheaper_pool_of_each_path_is_first_and_equals_share_it():
    # Path by path: A, B, both, B.
    price = np.array([[1.0, 5.0, 3.0, 9.0], [2.0, 4.0, 3.0, 8.0]])
    assert first_chances(price).tolist() == [0.375, 0.625]


def test_missing_the_deadline_loses_to_meeting_it_at_any_price():
    price = np.array([[1.0, 1.0, 1.0], [9.0, 9.0, 9.0]])
    meets = np.array([[True, False, False], [True, True, False]])
    # A is first on the first path, B on the second; where both miss, the cheaper.
    assert first_chances(price, meets).tolist() == pytest.approx([2 / 3, 1 / 3])


def test_a_pool_that_never_ends_is_never_first():
    assert first_chances(np.array([[inf, inf], [5.0, inf]])).tolist() == [0.0, 0.5]


def test_a_lone_pool_is_always_first():
    assert first_chances(np.array([[3.0, 4.0]])).tolist() == [1.0]


def test_one_change_at_a_time_moves_the_price_as_it_should(job, statistics, as_of):
    found = {each.change: each.relative for each in sensitivities(priced(job, statistics, as_of))}
    # 24 h on 8 GPUs for about 27 h of 10 USD; of about 320 USD, 50 are egress.
    assert 0.08 < found["price +10 %"] < 0.1
    assert found["egress x 2"] == pytest.approx(50 / 320, rel=0.1)
    assert found["hazard x 2"] > 0.02
    assert found["bandwidth / 2"] > 0.02
    assert 0 < found["gaps x 2"] < 0.02  # Storage alone is kept longer.
    assert len(found) == len(CHANGES) == 5


def priced(job, statistics, as_of: datetime):
    """The mean effective price of the plain job under factors, the same luck each time."""

    def mean(factors: Factors) -> float:
        changed = factors.on(job(), statistics(), SIDE)
        market = believed(placed(*changed, changed[1].hazard_per_hour), paths=2_000, seed=4)
        outcome = simulation(*changed, market, seed=4, from_at=as_of).outcome
        return float(outcome.effective_usd_per_gpu_hour.mean())

    return mean


def test_a_lead_ends_where_the_prices_meet():
    # 12 - 3 x = 0 at 4.
    assert break_even(lambda x: 12.0 - 3.0 * x, 1.0, 100.0) == pytest.approx(4.0, rel=1e-5)
    assert break_even(lambda x: 12.0 - 3.0 * x, 1.0, 3.0) is None


def test_there_is_no_lead_to_lose_where_a_pool_is_not_first(job, statistics, as_of):
    mean = priced(job, statistics, as_of)
    with pytest.raises(ImpossibleInput, match="no lead"):
        break_even(lambda x: mean(Factors()) - mean(Factors(hazard=x)), 1.0, 10.0)
    lost = break_even(lambda x: mean(Factors()) + 0.1 - mean(Factors(hazard=x)), 1.0, 10.0)
    assert mean(Factors(hazard=lost)) == pytest.approx(mean(Factors()) + 0.1, rel=1e-3)
    with pytest.raises(ImpossibleInput, match="is empty"):
        break_even(lambda x: 1.0, 2.0, 2.0)


@pytest.mark.parametrize(
    "price", [np.array([[np.nan]]), np.array([[-1.0]]), np.zeros((0, 4)), np.array([1.0, 2.0])]
)
def test_prices_that_rank_nothing_are_refused(price):
    with pytest.raises(ImpossibleInput, match="rank no pools"):
        first_chances(price)


def test_impossible_factors_and_deadlines_are_refused():
    with pytest.raises(ImpossibleInput, match="Factor of gap is 0"):
        Factors(gap=0.0)
    with pytest.raises(ImpossibleInput, match="do not match"):
        first_chances(np.ones((2, 3)), np.ones((3, 2), dtype=bool))
