"""Policies over recorded windows, and what they came to."""

from __future__ import annotations

import numpy as np
import pytest

from model.errors import ImpossibleInput
from model.policy_scores import scores
from model.policy_windows import BOUND, OURS, POLICIES, UNIFORM, Part, Played, play, starts_of
from model.spot_safety import Promise


def part(up: np.ndarray, task: float = 4.0, deadline: float = 8.0) -> Part:
    names = tuple("abc"[: up.shape[1]])
    return Part(
        pools=names, regions=names, up_NP=up, spot_usd_per_hour_P=np.ones(len(names)),
        on_demand_usd_per_hour=3.0, first_hour=12.0, promise=Promise(task, deadline, 0.5, 1.0),
    )  # fmt: skip


def test_windows_begin_with_three_days_of_history_and_end_with_the_record() -> None:
    # By hand: 100 ticks of an hour; the first start is 72, the last that fits 8 h is 92.
    assert starts_of(part(np.ones((100, 1), dtype=bool)), 6.0).tolist() == [72, 78, 84, 90]
    assert starts_of(part(np.ones((79, 1), dtype=bool)), 6.0).tolist() == []
    assert play(part(np.ones((79, 1), dtype=bool)), POLICIES, 6.0) is None


def test_where_spot_is_always_there_it_costs_what_hand_arithmetic_says() -> None:
    # By hand: 4 h of work and half an hour to start are 5 ticks: 5 $ on spot, 15 $ on demand.
    found = play(part(np.ones((100, 1), dtype=bool)), POLICIES, 6.0)
    assert found is not None
    assert found.cost_usd["greedy"].tolist() == [5.0] * 4
    assert found.cost_usd["on-demand"].tolist() == [15.0] * 4
    assert found.cost_usd[OURS].tolist() == [5.0] * 4
    assert found.day_B.tolist() == [3, 3, 4, 4]  # Hours 84, 90, 96, 102.
    assert not any(missed.any() for missed in found.missed.values())


@pytest.mark.parametrize("pools", [1, 3])
def test_nobody_misses_and_nobody_beats_the_bound(pools: int) -> None:
    up = np.random.default_rng(1).uniform(size=(160, pools)) < 0.5
    found = play(part(up), POLICIES, 12.0)
    assert found is not None
    for name in POLICIES:
        assert not found.missed[name].any()
        assert (found.cost_usd[name] >= found.cost_usd[BOUND] - 1e-9).all()


def test_an_unknown_policy_is_refused_by_name() -> None:
    with pytest.raises(ImpossibleInput, match="no policy 'luck'"):
        play(part(np.ones((100, 1), dtype=bool)), ["luck"], 6.0)


def played(zone: str, days: list[int], ours: list[float], uniform: list[float], bound: list[float]) -> Played:
    cost = {OURS: np.array(ours), UNIFORM: np.array(uniform), BOUND: np.array(bound)}
    return Played(
        kind="single", zone=zone, scarce=False, deadline_hours=8.0, overhead_hours=0.5,
        day_B=np.array(days), cost_usd=cost,
        missed={name: np.zeros(len(days), dtype=bool) for name in cost},
    )  # fmt: skip


def test_the_share_closed_is_summed_over_windows_by_zone_and_by_day() -> None:
    parts = [played("x", [1, 1, 2], [9.0, 9.0, 6.0], [10.0, 10.0, 8.0], [6.0, 6.0, 6.0]),
             played("y", [1], [10.0], [10.0], [8.0])]  # fmt: skip
    names = (OURS, UNIFORM, BOUND)
    found = {(s.scope, s.name, s.policy): s for s in scores(parts, names, seed=0)}
    # By hand: 4 of 12 overall; in x 4 of 10; in y 0 of 2; on day 1 it is 2 of 10, on day 2 all.
    assert found["all", "", OURS].share_closed == pytest.approx(4 / 12)
    assert found["zone", "x", OURS].share_closed == pytest.approx(0.4)
    assert found["zone", "y", OURS].share_closed == pytest.approx(0.0)
    assert found["day", "000001", OURS].share_closed == pytest.approx(2 / 10)
    assert found["day", "000002", OURS].share_closed == pytest.approx(1.0)
    assert found["all", "", UNIFORM].share_closed == 0.0
    assert found["all", "", BOUND].share_closed == 1.0
    one = found["all", "", OURS]
    assert (one.windows, one.zones, one.days, one.missed) == (4, 2, 2, 0)
    assert one.cost_usd == pytest.approx(34 / 4)
    assert one.share_low <= one.share_closed <= one.share_high
    assert found["zone", "y", OURS].cost_low_usd == found["zone", "y", OURS].cost_high_usd  # One day only.


def test_without_the_two_ends_of_the_gap_no_share_is_told() -> None:
    found = scores([played("x", [1], [9.0], [10.0], [6.0])], (OURS, UNIFORM), seed=0)
    assert {each.share_closed for each in found} == {None}
