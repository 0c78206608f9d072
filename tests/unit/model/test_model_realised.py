"""A run's account from its events alone. One wall second is one market hour throughout.

The run, in seconds of wall time:
 0-1 waiting, 1 machine of pool A, 3-4 step 1, 4-5 step 2, 5-5.5 save (commits step 2),
 5.5-6.5 step 3, 7 preempted with notice, 7-9 waiting,
 9 machine of pool B, 10-10.5 restore of step 2, 11-12 step 3 again, 12-13 step 4,
 13-13.25 save, 13.5 done. Pool A costs 2 USD/h; pool B 1, from market hour 12 on 3.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from model.errors import ImpossibleInput
from model.market import PriceKind, PricePoint
from model.realised import AttemptTerms, RunClock, RunRecord, realise

WALL = datetime(2026, 3, 2, 12, tzinfo=UTC)
MARKET = datetime(2023, 2, 15, tzinfo=UTC)
CLOCK = RunClock(market_origin_at=MARKET, wall_origin_at=WALL, compression=3600.0)
RUN = RunRecord(run_id="r", clock=CLOCK, gpus=8, nodes=1, on_demand_usd_per_hour=Decimal(6))


def event(attempt: int, node: str, at_s: float, name: str, **fields: Any) -> dict[str, Any]:
    at = (WALL + timedelta(seconds=at_s)).isoformat().replace("+00:00", "Z")
    plain = {"run_id": "r", "attempt": attempt, "node": node, "seq": int(at_s * 100), "at": at, "event": name}
    return plain | fields


@pytest.fixture
def a(pool):
    return pool(zone="use1-az1").key


@pytest.fixture
def b(pool):
    return pool(zone="use1-az2").key


@pytest.fixture
def events(a, b):
    return [
        event(1, "launcher", 1, "waiting", seconds=1.0, reason="capacity"),
        event(1, "launcher", 1.01, "started", pool_id=a),
        event(1, "0", 4, "step", step=1, seconds=1.0),
        event(1, "0", 5, "step", step=2, seconds=1.0),
        event(1, "0", 5.5, "captured", step=2, seconds=0.5),
        event(1, "0", 5.6, "committed", step=2, seconds=0.6),
        event(1, "0", 6.5, "step", step=3, seconds=1.0),
        event(1, "launcher", 7, "preempted", with_notice=True, pool_id=a),
        event(1, "launcher", 7.01, "ended", reason="preempted"),
        event(2, "launcher", 9, "waiting", seconds=2.0, reason="capacity"),
        event(2, "launcher", 9.01, "started", pool_id=b),
        event(2, "0", 10.5, "restored", step=2, seconds=0.5),
        event(2, "0", 12, "step", step=3, seconds=1.0),
        event(2, "0", 13, "step", step=4, seconds=1.0),
        event(2, "0", 13.25, "captured", step=4, seconds=0.25),
        event(2, "0", 13.3, "committed", step=4, seconds=0.3),
        event(2, "0", 13.4, "ended", reason="done"),
        event(2, "launcher", 13.5, "ended", reason="done"),
    ]


@pytest.fixture
def prices(pool):
    def step(zone: str, usd: int, hour: float) -> PricePoint:
        at = MARKET + timedelta(hours=hour)
        return PricePoint(
            pool=pool(zone=zone),
            price_usd_per_hour=Decimal(usd),
            kind=PriceKind.RECORDED,
            effective_at=at,
            observed_at=at,
        )

    first, second = [step("use1-az1", 2, -5)], [step("use1-az2", 1, -5), step("use1-az2", 3, 12)]
    return {first[0].pool.key: first, second[0].pool.key: second}


def test_every_hour_of_the_run_is_accounted_for(events, prices):
    found = realise(RUN, events, prices)
    assert found.useful_hours == pytest.approx(4.0)  # Steps 1, 2, 3 again, 4.
    assert found.lost_work_hours == pytest.approx(1.0)  # Step 3, the first time.
    assert found.stall_hours == pytest.approx(0.75)
    assert found.restart_hours == pytest.approx(1.99 + 1.99)  # Machine to first step, twice.
    assert found.other_hours == pytest.approx(0.5 + 0.25)  # The tails of both attempts.
    assert found.billed_hours == pytest.approx(5.99 + 4.49)
    assert found.waiting_hours == pytest.approx(3.0)
    assert found.wall_hours == pytest.approx(13.5)
    assert found.goodput == pytest.approx(4 / 13.5)


def test_billed_hours_close(events, prices):
    found = realise(RUN, events, prices)
    parts = found.useful_hours + found.lost_work_hours + found.stall_hours
    assert parts + found.restart_hours + found.other_hours == pytest.approx(found.billed_hours, abs=1e-9)


def test_the_bill_follows_each_pool_s_price_in_market_time(events, prices):
    # 5.99 h at 2; 2.99 h at 1; 1.5 h at 3 = 11.98 + 2.99 + 4.5.
    found = realise(RUN, events, prices)
    assert found.cost_usd == Decimal("19.47")
    assert found.useful_gpu_hours == pytest.approx(32.0)
    assert found.effective_usd_per_gpu_hour == pytest.approx(19.47 / 32)
    # 4 useful hours on on-demand at 6.
    assert found.on_demand_cost_usd == Decimal(24)
    assert found.saving == pytest.approx(1 - 19.47 / 24)


def test_counts(events, prices):
    found = realise(RUN, events, prices)
    assert (found.preemptions, found.preemptions_with_notice) == (1, 1)
    assert (found.attempts, found.saves, found.steps, found.done) == (2, 2, 4, True)
    assert found.problems == ()


def test_the_timeline_tiles_the_run_in_market_time(events, prices):
    timeline = realise(RUN, events, prices).timeline
    kinds = [(s.attempt, s.kind) for s in timeline]
    assert kinds == [
        (None, "idle"), (None, "waiting"), (1, "boot"), (1, "run"), (1, "run"), (1, "save"), (1, "lost"),
        (1, "idle"), (None, "idle"), (None, "waiting"), (2, "boot"), (2, "restore"), (2, "boot"), (2, "run"),
        (2, "run"), (2, "save"), (2, "idle"),
    ]  # fmt: skip
    assert all(earlier.until_at == later.from_at for earlier, later in pairwise(timeline))
    assert timeline[0].from_at == MARKET
    assert timeline[-1].until_at == MARKET + timedelta(hours=13.5)


TRAINERS_FAREWELL = 16  # Repeats what the launcher says.


@pytest.mark.parametrize("missing", sorted(set(range(18)) - {TRAINERS_FAREWELL}))
def test_no_event_that_matters_can_vanish_unnoticed(events, prices, missing):
    whole = realise(RUN, events, prices)
    torn = realise(RUN, events[:missing] + events[missing + 1 :], prices)
    redundant = events[missing]["event"] == "ended" and events[missing]["attempt"] == 1
    # Attempt 1 already ended with its preemption.
    assert (replace(torn, timeline=whole.timeline) == whole) is redundant


def test_a_hole_in_the_steps_is_named(events, prices):
    torn = [e for e in events if e.get("step") != 1]
    assert realise(RUN, torn, prices).problems == (
        "Attempt 1 lacks steps at 1 places in their numbering; their time is no progress.",
    )


def test_an_attempt_that_never_ended_is_named_and_billed_to_its_last_word(events, prices):
    torn = [e for e in events if not (e["attempt"] == 1 and e["event"] in ("preempted", "ended"))]
    found = realise(RUN, torn, prices)
    assert "Attempt 1 never ended" in found.problems[0]
    assert found.preemptions == 0
    assert found.billed_hours == pytest.approx(6.5 - 1.01 + 4.49)


def test_an_attempt_without_a_machine_has_an_unknown_cost_and_not_a_free_one(events, prices):
    torn = [e for e in events if not (e["attempt"] == 2 and e["event"] == "started")]
    found = realise(RUN, torn, prices)
    assert found.cost_usd is found.saving is found.effective_usd_per_gpu_hour is None
    assert any("pool and cost are unknown" in p for p in found.problems)


def test_a_missing_price_leaves_the_cost_unknown_and_says_why(events, prices, a, b):
    found = realise(RUN, events, {a: prices[a]})
    assert found.cost_usd is None
    assert f"Attempt 2 on {b} has no cost" in found.problems[0]
    assert found.useful_hours == pytest.approx(4.0)


def test_a_run_under_way_is_billed_to_its_newest_event(events, prices):
    # Cut after step 3 of attempt 2 at 12 s.
    found = realise(RUN, events[:13], prices)
    assert not found.done
    assert found.wall_hours == pytest.approx(12.0)
    assert found.billed_hours == pytest.approx(5.99 + 2.99)
    assert (found.useful_hours, found.lost_work_hours) == (pytest.approx(3.0), pytest.approx(1.0))
    assert found.problems == ()


def test_a_run_that_waits_for_capacity_waits_in_its_account(events, prices):
    waiting = [*events[:9], event(1, "launcher", 10, "waiting", seconds=2.0, reason="capacity")]
    found = realise(RUN, waiting, prices)
    assert found.waiting_hours == pytest.approx(1.0 + 2.0)
    assert found.wall_hours == pytest.approx(10.0)


def test_steps_are_lost_as_soon_as_a_later_attempt_builds_on_less(events, prices):
    # Restored at step 2, nothing repeated yet: step 3 of attempt 1 is already gone.
    assert realise(RUN, events[:12], prices).lost_work_hours == pytest.approx(1.0)


def test_a_restart_from_nothing_loses_everything(events, prices):
    again = [e for e in events if e["event"] != "restored"]
    for e in again[11:]:
        if e["event"] == "step":
            e["step"] -= 2
    found = realise(RUN, again, prices)
    assert found.lost_work_hours == pytest.approx(3.0)
    assert found.steps == 3


def test_more_nodes_cost_more_for_the_same_hours(events, prices):
    one, four = (realise(replace(RUN, nodes=n), events, prices) for n in (1, 4))
    assert four.cost_usd == 4 * one.cost_usd
    assert four.on_demand_cost_usd == 4 * one.on_demand_cost_usd
    assert four.billed_hours == one.billed_hours


def test_an_attempt_on_smaller_and_slower_machines_is_billed_as_such(events, prices):
    # Attempt 2 rents 2 machines at half speed: its 2 useful hours count as 1 of the first GPU's.
    run = replace(RUN, attempts={2: AttemptTerms(nodes=2, throughput=0.5)})
    found = realise(run, events, prices)
    assert found.cost_usd == Decimal("11.98") + 2 * Decimal("7.49")
    assert found.useful_gpu_hours == pytest.approx(8 * (2 + 1))


def test_no_events_make_an_empty_account_and_no_division(prices):
    found = realise(RUN, [], prices)
    assert (found.cost_usd, found.billed_hours, found.wall_hours) == (Decimal(0), 0.0, 0.0)
    assert found.goodput is found.effective_usd_per_gpu_hour is found.saving is None


def test_without_a_baseline_the_saving_is_unknown(events, prices):
    found = realise(replace(RUN, on_demand_usd_per_hour=None), events, prices)
    assert found.on_demand_cost_usd is found.saving is None


def test_overlapping_seconds_are_counted_once(events, prices):
    # A save claims 3 s that the steps before it already fill.
    events[4]["seconds"] = 3.0
    found = realise(RUN, events, prices)
    parts = found.useful_hours + found.lost_work_hours + found.stall_hours
    assert parts + found.restart_hours + found.other_hours == pytest.approx(found.billed_hours, abs=1e-9)


def test_the_order_of_arrival_does_not_matter(events, prices):
    assert realise(RUN, events[::-1], prices) == realise(RUN, events, prices)


def test_a_clock_without_compression_is_the_wall_clock():
    clock = RunClock(market_origin_at=MARKET, wall_origin_at=WALL)
    assert clock.market_at(WALL + timedelta(minutes=5)) == MARKET + timedelta(minutes=5)
    for impossible in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ImpossibleInput, match="compression"):
            RunClock(market_origin_at=MARKET, wall_origin_at=WALL, compression=impossible)


def test_an_event_without_a_zone_is_refused(events, prices):
    events[0]["at"] = "2026-03-02T12:00:01"
    with pytest.raises(ImpossibleInput, match="no time zone"):
        realise(RUN, events, prices)
