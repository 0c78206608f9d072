"""Deciding under a deadline: by hand, against peers, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from model.errors import ImpossibleInput
from model.policy import make_policy
from model.policy_peers import PEERS, Greedy, NextRegion, Single, StaticBest, UniformProgress
from model.policy_replay import Terms, omniscient_usd, replay, replay_one
from model.spot_ages import BINS, Ages, bin_of
from model.spot_safety import Promise
from model.spot_world import ages_of

SPOT, ON_DEMAND = 1.0, 3.0


def promise(task: float = 4.0, deadline: float = 8.0, overhead: float = 0.5, lag: float = 0.0) -> Promise:
    return Promise(task, deadline, overhead, 1.0, lag)


def terms(of: Promise | None = None, prices: tuple[float, ...] = (SPOT,)) -> Terms:
    names = tuple("abcdefgh"[: len(prices)])
    return Terms(of or promise(), names, np.array([prices]), ON_DEMAND)


def course(*ticks: str) -> np.ndarray:
    """One job: "1" up, "0" down, a string per pool."""
    return np.array([[mark == "1" for mark in pool] for pool in ticks]).T


def ours(task: float = 4.0, deadline: float = 8.0, **more: object):
    told: dict[str, object] = {"spot_usd_per_hour": {"a": SPOT}, "pools": ["a"], **more}
    return make_policy(task, deadline, 0.5, 1.0, on_demand_usd_per_hour=ON_DEMAND, **told)


def test_greedy_by_hand_pays_the_overhead_at_each_launch_and_the_last_tick_whole() -> None:
    # Up for 3 h, down for 1, up again. Work: .5 + 1 + 1 = 2.5 of 4 h; then .5 + 1 = 4.0 after two more.
    bill = replay(Greedy(), terms(), course("11101111")[:, None, :])
    assert bill.cost_usd_B[0] == pytest.approx(5.0 * SPOT)
    assert bill.launches_B[0] == 2
    assert bill.done_B[0] == pytest.approx(4.0)
    assert not bill.missed_B[0]


def test_the_safety_net_is_exact_in_whole_ticks() -> None:
    # 4 h of work and .5 h of overhead take 5 ticks: waiting is safe with 6 left, and not with 5.
    assert promise().safe_to_wait(2, 4.0)
    assert not promise().safe_to_wait(3, 4.0)
    assert promise(4.0, 8.9).ticks == 8  # A part of a tick is none.
    assert promise().least_hours() == 5.0
    bill = replay(Greedy(), terms(), course("00000000")[:, None, :])
    assert bill.cost_usd_B[0] == pytest.approx(5 * ON_DEMAND)
    assert not bill.missed_B[0]


def test_a_checkpoint_lag_keeps_more_slack_on_spot() -> None:
    # With 5 ticks left after this one and 3.5 h left then: safe. A lag of 1.5 h more is not.
    assert promise().safe_on_spot(2, 4.0, 0.5)
    assert not promise(lag=1.5).safe_on_spot(2, 4.0, 0.5)


def test_omniscience_by_hand_waits_for_the_spot_it_knows_of() -> None:
    assert omniscient_usd(terms(), course("00011111")[:, None, :])[0] == pytest.approx(5 * SPOT)
    assert omniscient_usd(terms(), course("00000000")[:, None, :])[0] == pytest.approx(5 * ON_DEMAND)
    # A lone tick of spot gains half an hour: 3.5 h and the overhead of on-demand fill 4 ticks, not 5.
    assert omniscient_usd(terms(), course("10000000")[:, None, :])[0] == pytest.approx(SPOT + 4 * ON_DEMAND)


def test_nobody_beats_omniscience_and_nobody_misses() -> None:
    rng = np.random.default_rng(3)
    job = Promise(24.0, 36.0, 0.2, 0.25)
    up = np.repeat(rng.uniform(size=(job.ticks // 6 + 1, 40, 2)) < 0.5, 6, axis=0)[: job.ticks]
    field = terms(job, (1.0, 1.1))
    least = omniscient_usd(field, up)
    for name, peer in PEERS.items():
        bill = replay(peer(), field, up)
        assert not bill.missed_B.any(), name
        assert (bill.cost_usd_B >= least - 1e-9).all(), name
    for job_number in range(0, 40, 8):
        policy = make_policy(24.0, 36.0, 0.2, 0.25, {"a": 1.0, "b": 1.1}, ON_DEMAND, ["a", "b"])
        bill = replay_one(policy, field, up[:, job_number])
        assert not bill.missed_B[0]
        assert bill.cost_usd_B[0] >= least[job_number] - 1e-9


@pytest.mark.parametrize("name", [*PEERS, "next region", "static best"])
def test_a_peer_decides_for_one_as_it_does_for_many(name: str) -> None:
    others = {
        "next region": lambda: NextRegion.over(("x", "x", "y")),
        "static best": lambda: StaticBest(np.array([0.2, 0.9, 0.5])),
    }
    make = {**PEERS, **others}[name]
    rng = np.random.default_rng(1)
    up = np.repeat(rng.uniform(size=(8, 6, 3)) < 0.6, 4, axis=0)
    field = terms(Promise(12.0, 30.0, 0.3, 1.0), (1.0, 1.1, 1.2))
    many = replay(make(), field, up)
    alone = [replay_one(Single(make(), field), field, up[:, job]) for job in range(6)]
    assert many.cost_usd_B == pytest.approx([bill.cost_usd_B[0] for bill in alone])
    assert many.launches_B.tolist() == [bill.launches_B[0] for bill in alone]


def test_uniform_progress_goes_on_demand_when_behind_the_line() -> None:
    # Nothing is up. After the first hour 0 of 4 * 1/8 = .5 h are done: behind, so on-demand until done.
    bill = replay(UniformProgress(), terms(), course("00000000")[:, None, :])
    assert bill.on_demand_hours_B[0] == 5.0


def test_spot_that_is_steadily_up_is_taken_and_kept() -> None:
    policy = ours(history={"a": [1] * 200})
    assert policy.decide(0.0, 0.0, (None, None), {"a": True}) == ("spot", "a")
    assert policy.decide(1.0, 0.5, ("spot", "a"), {"a": True}) == ("spot", "a")


def test_a_cheaper_pool_that_lasts_is_moved_to_and_a_flickering_one_is_not() -> None:
    flicker = [1, 0] * 100
    for history, wanted in ((flicker, "a"), ([1] * 200, "b")):
        policy = make_policy(
            40.0, 80.0, 0.5, 1.0, {"a": 1.0, "b": 0.8}, ON_DEMAND, ["a", "b"],
            history={"a": [1] * 200, "b": history},
        )  # fmt: skip
        assert policy.decide(0.0, 0.0, ("spot", "a"), {"a": True, "b": True}) == ("spot", wanted)


def test_egress_keeps_a_job_where_it_is() -> None:
    told = {"history": {"a": [1] * 200, "b": [1] * 200}, "egress_usd_per_move": {("a", "b"): 50.0}}
    policy = make_policy(40.0, 80.0, 0.5, 1.0, {"a": 1.0, "b": 0.8}, ON_DEMAND, ["a", "b"], **told)
    assert policy.decide(0.0, 0.0, ("spot", "a"), {"a": True, "b": True}) == ("spot", "a")


def test_a_dear_hour_of_time_buys_on_demand_instead_of_waiting() -> None:
    down = {"a": ([1] * 9 + [0]) * 20}  # Mostly up, down for an hour at a time, and down now.
    assert ours(history=down).decide(0.0, 0.0, (None, None), {"a": False}) == (None, None)
    hurried = ours(history=down, value_of_time_usd_per_hour=100.0)
    assert hurried.decide(0.0, 0.0, (None, None), {"a": False})[0] == "od"


def test_a_price_that_changes_counts_from_then_on() -> None:
    policy = ours(8.0, 40.0, history={"a": [1] * 200})
    policy.update_prices(0.0, {"a": 50.0, "unknown": 1.0})
    assert policy.decide(0.0, 0.0, (None, None), {"a": True})[0] != "spot"


@pytest.mark.parametrize(
    "history",
    [None, {}, {"a": []}, {"a": [0]}, {"a": [1]}, {"a": [0] * 50}, {"a": [None, 1, float("nan"), 1]}],
)
def test_any_history_gives_a_safe_decision(history: object) -> None:
    policy = ours(history=history)
    assert policy.decide(0.0, 0.0, (None, None), {"a": False})[0] in (None, "od")
    assert policy.decide(3.0, 0.0, (None, None), {})[0] == "od"  # 5 of 8 ticks are left, 5 are needed.


def test_clocks_and_work_that_go_back_are_borne() -> None:
    policy = ours(history={"a": [1] * 100})
    policy.decide(2.0, 1.5, (None, None), {"a": True})
    assert policy.decide(1.0, 0.5, ("spot", "a"), {"a": True}) == ("spot", "a")
    # A restore lost all. One tick of spot leaves 3 h, which on-demand takes 4 of the 4 ticks then left for.
    assert policy.decide(3.0, 0.0, ("spot", "a"), {"a": True}) == ("spot", "a")
    assert policy.decide(3.0, 4.0, ("spot", "a"), {"a": True}) == (None, None)  # Done.


def test_spot_that_is_not_up_is_never_answered_even_if_it_is_said_to_be_held() -> None:
    policy = ours(history={"a": [1] * 100})
    assert policy.decide(0.0, 0.0, ("spot", "a"), {"a": False})[0] != "spot"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"deadline": 3.0}, "2 h too near"),
        ({"pools": []}, "0 pools"),
        ({"pools": ["a", "b"]}, "1 of 2 pools have no price"),
        ({"spot_usd_per_hour": {"a": float("nan")}}, "nan"),
        ({"budget_usd": 4.5}, "0.50 USD too small.*takes 5.00 USD"),
        ({"nodes": 0}, "Node count is 0"),
        ({"task": 0.0}, "Work is 0"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_number(change: dict[str, object], words: str) -> None:
    with pytest.raises(ImpossibleInput, match=words):
        ours(**change)


def test_a_spot_price_of_zero_is_taken() -> None:
    assert ours(spot_usd_per_hour={"a": 0.0}, history={"a": [1] * 50}).decide(
        0.0, 0.0, (None, None), {"a": True}
    ) == ("spot", "a")


def test_a_policy_that_takes_absent_spot_and_a_short_record_are_told() -> None:
    class Wrong:
        def decide(self, *_: object) -> tuple[str, str]:
            return ("spot", "a")

    with pytest.raises(ImpossibleInput, match="at tick 0"):
        replay_one(Wrong(), terms(), course("00000000"))
    with pytest.raises(ImpossibleInput, match="holds 3 ticks"):
        replay(Greedy(), terms(), course("111")[:, None, :])


def test_ages_counted_at_once_are_ages_counted_one_by_one() -> None:
    up = np.random.default_rng(0).uniform(size=(300, 2)) < 0.7
    once, each = Ages(2, 0.25), Ages(2, 0.25)
    once.watch(up)
    for row in up:
        each.see(row)
    assert once.ended_PSB == pytest.approx(each.ended_PSB)
    assert once.hours_PSB == pytest.approx(each.hours_PSB)
    assert once.ticks_P.tolist() == each.ticks_P.tolist() == ages_of(up)[-1].tolist()
    assert once.bins_P.tolist() == bin_of((once.ticks_P - 0.5) * 0.25).tolist()


def test_a_hazard_nobody_watched_is_the_prior_and_falls_with_age() -> None:
    hazards = Ages(1, 0.25).hazards()
    assert hazards.shape == (1, 2, BINS)
    assert (np.diff(hazards, axis=2) < 0).all()
