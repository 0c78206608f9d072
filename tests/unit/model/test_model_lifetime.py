"""What counts of preemptions let us believe."""

from __future__ import annotations

from math import log

import pytest

from model.errors import ImpossibleInput, InsufficientHistory
from model.lifetime import (
    JEFFREYS,
    Belief,
    predictive_survival,
    sibling_belief,
    updated,
    zero_event_bound_per_hour,
)


def test_five_preemptions_in_a_hundred_hours_without_a_prior_to_speak_of():
    # (.5 + 5) / 100.
    assert updated(JEFFREYS, 5, 100.0).mean_per_hour == pytest.approx(0.055)


def test_silence_is_not_safety():
    # No preemption in 100 h: .5 / 100 on average, and up to 3 / 100 at 95 %.
    assert updated(JEFFREYS, 0, 100.0).mean_per_hour == pytest.approx(0.005)
    assert zero_event_bound_per_hour(100.0) == pytest.approx(-log(0.05) / 100)


def test_survival_is_averaged_over_the_belief():
    # (78 / (78 + 24))^5 = .2615, above e^(-24 * 5/78) = .2147: doubt leaves more survivors.
    belief = updated(Belief(2.0, 6.0), 3, 72.0)
    assert predictive_survival(belief, 24.0) == pytest.approx((78 / 102) ** 5)
    assert predictive_survival(belief, [0.0, 24.0])[0] == 1.0


def test_siblings_speak_with_their_pooled_hazard():
    # (.5 + 10 + 10 + 10) / 300.
    assert sibling_belief([10, 10, 10], [100.0, 100.0, 100.0]).mean_per_hour == pytest.approx(30.5 / 300)


def test_a_thousand_hours_elsewhere_never_pass_for_a_thousand_hours_here():
    # Alike siblings still differ by half their mean: 1 / (.25 + 1 / 3000.5) = 4 preemptions' worth.
    alike = sibling_belief([1000, 1000, 1000], [1e4, 1e4, 1e4])
    assert alike.shape == pytest.approx(1 / (0.25 + 1 / 3000.5))


def test_unlike_siblings_say_less_than_alike_ones():
    alike, unlike = sibling_belief([50, 50], [500.0, 500.0]), sibling_belief([2, 98], [500.0, 500.0])
    assert unlike.shape < alike.shape
    assert unlike.mean_per_hour == pytest.approx(alike.mean_per_hour)


def test_one_sibling_says_less_than_two():
    assert sibling_belief([50], [500.0]).shape < sibling_belief([25, 25], [250.0, 250.0]).shape


def test_siblings_without_exposure_are_left_out_and_all_without_are_refused():
    assert sibling_belief([10, 0], [100.0, 0.0]) == sibling_belief([10], [100.0])
    with pytest.raises(InsufficientHistory, match="0 instance-hours"):
        sibling_belief([0, 0], [0.0, 0.0])


def test_a_belief_without_exposure_has_no_finite_hazard():
    assert JEFFREYS.mean_per_hour == float("inf")


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: updated(JEFFREYS, -1, 10.0),
        lambda: updated(JEFFREYS, 1, float("nan")),
        lambda: predictive_survival(JEFFREYS, 1.0),
        lambda: predictive_survival(Belief(1.0, 1.0), -1.0),
        lambda: zero_event_bound_per_hour(0.0),
        lambda: zero_event_bound_per_hour(10.0, confidence=1.5),
    ],
)
def test_impossible_counts_are_refused(impossible):
    with pytest.raises(ImpossibleInput) as refusal:
        impossible()
    assert refusal.value.fix
