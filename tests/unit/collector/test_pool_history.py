"""pool_history.sql, checked by hand arithmetic; the store's clock stands at 2026-01-31."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from model.errors import ImpossibleInput
from model.market import Pool, PriceKind

POOL = "aws/us-east-1/use1-az1/p3.2xlarge/spot"
ON_DEMAND = "aws/us-east-1/-/p3.2xlarge/on_demand"
DAY = timedelta(days=1)


def at(hour: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)


def history(store, hour=10.0, window=timedelta(hours=10), pool=POOL):
    rows = {h.pool.key: h for h in store.pool_histories(as_of=at(hour), window=window)}
    return rows[pool]


def prices(*points, pool=POOL):
    return [(pool, at(effective), at(observed), usd) for effective, observed, usd in points]


def test_the_mean_price_counts_the_price_carried_in(store, give):
    # 1.00 in force since day -1, so for 4 of the 10 hours; 2.00 for 6: (4 * 1 + 6 * 2) / 10 = 1.60.
    give(prices=prices((-24, -24, "1.00"), (4, 4, "2.00")))
    seen = history(store)
    assert seen.price_mean_usd_per_hour == pytest.approx(1.60)
    assert seen.price_usd_per_hour == Decimal("2.000000000")
    assert seen.price_changes == 1
    # log price is 0 for 40 % and ln 2 for 60 % of the time: sd = ln 2 * sqrt(.4 * .6).
    assert seen.price_log_sd == pytest.approx(math.log(2) * math.sqrt(0.24))


def test_a_constant_price_has_no_spread_and_no_change(store, give):
    give(prices=prices((-24, -24, "3.06"), (2, 2, "3.06")))
    seen = history(store)
    assert seen.price_log_sd == 0.0
    assert seen.price_changes == 0
    assert seen.price_mean_usd_per_hour == pytest.approx(3.06)


def test_a_price_that_starts_inside_the_window_is_averaged_over_its_own_time(store, give):
    give(prices=prices((5, 5, "1.00"), (9, 9, "3.00")))
    # 4 h at 1.00 and 1 h at 3.00, nothing known before: 7 / 5.
    assert history(store).price_mean_usd_per_hour == pytest.approx(1.4)


def test_a_row_observed_later_is_not_seen(store, give):
    # The price took effect at hour 2 and was learnt at hour 20.
    give(prices=prices((-24, -24, "1.00"), (2, 20, "9.00")))
    assert history(store, hour=10).price_usd_per_hour == Decimal("1.000000000")
    assert history(store, hour=20).price_usd_per_hour == Decimal("9.000000000")


def test_a_row_effective_later_is_not_seen(store, give):
    # Announced at hour 1 for hour 12.
    give(prices=prices((-24, -24, "1.00"), (12, 1, "9.00")))
    assert history(store, hour=10).price_usd_per_hour == Decimal("1.000000000")
    assert history(store, hour=12).price_usd_per_hour == Decimal("9.000000000")


def test_a_correction_supersedes_and_yesterday_stays_as_it_was(store, give):
    give(prices=prices((0, 0, "5.00")))
    give(prices=prices((0, 6, "0.50")))
    assert history(store, hour=5).price_usd_per_hour == Decimal("5.000000000")
    corrected = history(store, hour=7)
    assert corrected.price_usd_per_hour == Decimal("0.500000000")
    assert corrected.price_mean_usd_per_hour == pytest.approx(0.5)
    assert corrected.price_changes == 0


def test_staleness_counts_from_the_last_time_the_price_was_seen(store, give):
    give(prices=prices((0, 0, "1.00"), (3, 3, "1.00"), (8, 8, "1.00")))
    assert history(store, hour=10).price_observed_at == at(8)
    assert history(store, hour=7).price_observed_at == at(3)
    assert history(store, hour=10).price_effective_at == at(0)


def test_a_recorded_price_takes_the_place_of_a_list_price_from_its_hour_on(store, give):
    give(prices=prices((-9, -9, "3.00")), kind="list", source_id="catalog")
    assert history(store).price_kind is PriceKind.LIST
    give(prices=prices((4, 4, "1.00")), source_id="archive")
    seen = history(store)
    assert (seen.price_kind, seen.price_usd_per_hour) == (PriceKind.RECORDED, Decimal("1.000000000"))
    assert seen.price_mean_usd_per_hour == pytest.approx((4 * 3 + 6 * 1) / 10)
    assert seen.sources == ("archive", "catalog")


def test_a_list_price_stated_after_the_record_ended_is_in_force_and_called_a_list_price(store, give):
    # AWS cut p5 from 98.32 to 55.04 after the last recorded table: the old record must not stand in for it.
    give(prices=prices((-9, -9, "9.832"), pool=ON_DEMAND), source_id="archive")
    give(prices=prices((2, 2, "5.504"), pool=ON_DEMAND), source_id="catalog", kind="list")
    seen = history(store, pool=ON_DEMAND)
    assert (seen.price_kind, seen.price_usd_per_hour) == (PriceKind.LIST, Decimal("5.504000000"))


def test_a_record_that_goes_on_outlasts_a_list_price(store, give):
    # Recorded 2.00 at hours 0 and 4; list 3.00 at hour 2: in force 2.00, 3.00 for two hours, 2.00 again.
    give(prices=prices((0, 0, "2.00"), (4, 4, "2.00")), source_id="archive")
    give(prices=prices((2, 2, "3.00")), source_id="catalog", kind="list")
    seen = history(store)
    assert (seen.price_kind, seen.price_usd_per_hour) == (PriceKind.RECORDED, Decimal("2.000000000"))
    assert seen.price_mean_usd_per_hour == pytest.approx((8 * 2 + 2 * 3) / 10)
    steps = store.price_steps(Pool.parse(POOL), from_at=at(0), until_at=at(9), as_of=at(9))
    assert [(s.effective_at, s.kind) for s in steps] == [
        (at(0), "recorded"),
        (at(2), "list"),
        (at(4), "recorded"),
    ]


def test_of_one_instant_the_recorded_price_comes_before_the_list_price(store, give):
    give(prices=prices((0, 0, "9.00")), source_id="catalog", kind="list")
    give(prices=prices((0, 0, "1.00")), source_id="archive")
    assert history(store).price_kind is PriceKind.RECORDED


def test_on_demand_is_that_of_the_same_region_and_sku_only(store, give):
    give(prices=prices((0, 0, "1.00")))
    give(prices=prices((0, 0, "3.06"), pool=ON_DEMAND))
    give(prices=prices((0, 0, "9.99"), pool="aws/us-west-2/-/p3.2xlarge/on_demand"))
    assert history(store).on_demand_usd_per_hour == Decimal("3.060000000")


def test_on_demand_of_another_region_is_no_stand_in(store, give):
    give(prices=prices((0, 0, "1.00")))
    give(prices=prices((0, 0, "9.99"), pool="aws/us-west-2/-/p3.2xlarge/on_demand"))
    assert history(store).on_demand_usd_per_hour is None


def test_tenures_count_hours_inside_the_window_and_preemptions_with_them(store, give):
    # a: hours -5 to 4 -> 4 h in the window, preempted in it. b: 6 to 9 -> 3 h, preempted. c: from 7, last
    # seen alive at 9.5 -> 2.5 h, not ended. Together 9.5 h and 2 preemptions.
    give(
        tenures=[
            (POOL, "a", at(-5), at(4), at(4)),
            (POOL, "b", at(6), at(9), at(9)),
            (POOL, "c", at(7), None, at(9.5)),
        ]
    )
    seen = history(store)
    assert seen.tenure_exposure_hours == pytest.approx(9.5)
    assert seen.tenure_preemptions == 2


def test_an_end_that_was_not_yet_seen_does_not_count(store, give):
    give(
        tenures=[
            (POOL, "a", at(0), None, at(0)),
            (POOL, "a", at(0), None, at(3)),
            (POOL, "a", at(0), at(8), at(8)),
        ]
    )
    # At hour 5 the instance was last seen alive at hour 3; its end at hour 8 lies ahead.
    before = history(store, hour=5)
    assert (before.tenure_exposure_hours, before.tenure_preemptions) == (pytest.approx(3.0), 0)
    after = history(store, hour=9)
    assert (after.tenure_exposure_hours, after.tenure_preemptions) == (pytest.approx(8.0), 1)


def test_an_end_before_the_window_is_neither_exposure_nor_preemption(store, give):
    give(tenures=[(POOL, "a", at(-9), at(-1), at(-1)), (POOL, "b", at(1), None, at(2))])
    seen = history(store)
    assert (seen.tenure_exposure_hours, seen.tenure_preemptions) == (pytest.approx(1.0), 0)


def ticks(states, start=0.0, step=1 / 6, pool=POOL):
    """Probes every ten minutes; 1 is available."""
    return [(pool, at(start + i * step), 1, state) for i, state in enumerate(states)]


def test_probes_stand_until_the_next_and_a_drop_is_up_then_down(store, give):
    # Ten-minute ticks from 0:10: up up down up down down, as of 1:10. Each stands 10 minutes.
    give(probes=ticks([1, 1, 0, 1, 0, 0], start=1 / 6))
    seen = history(store, hour=7 / 6)
    assert seen.probe_drops == 2
    assert seen.probe_gaps == 1  # The second wait has not ended.
    assert seen.probe_up_hours == pytest.approx(3 / 6)
    assert seen.probe_gap_hours == pytest.approx(3 / 6)
    assert seen.probe_observed_hours == pytest.approx(1.0)
    assert seen.available_now is False


def test_capacity_has_been_there_since_the_last_probe_that_failed(store, give):
    # Down at 1:00, then up at 1:10, 1:20, 1:30; as of 1:35 it failed last 35 minutes ago.
    give(probes=ticks([0, 1, 1, 1], start=1))
    assert history(store, hour=1 + 35 / 60).up_hours == pytest.approx(35 / 60)


def test_capacity_never_seen_to_fail_has_been_there_since_the_first_probe(store, give):
    give(probes=ticks([1, 1, 1], start=1))
    assert history(store, hour=1.5).up_hours == pytest.approx(0.5)


def test_capacity_that_is_away_has_no_such_time(store, give):
    give(probes=ticks([1, 0], start=1))
    assert history(store, hour=1.25).up_hours is None


def test_a_hole_in_the_probes_is_neither_up_nor_down(store, give):
    # Up at 1:00 and 1:10, nothing until 5:00, then down. The hole is 3 h 50 min: 23 ticks.
    give(probes=[*ticks([1, 1], start=1), *ticks([0, 0], start=5)])
    seen = history(store, hour=5 + 2 / 6)
    assert seen.probe_drops == 0
    assert seen.probe_up_hours == pytest.approx(2 / 6)
    assert seen.probe_gap_hours == pytest.approx(2 / 6)
    assert seen.probe_observed_hours == pytest.approx(4 / 6)


def test_two_missed_ticks_are_no_hole(store, give):
    # 30 minutes between two probes of 10 minutes: exactly 3 ticks, still one run.
    give(probes=[(POOL, at(1), 1, 1), (POOL, at(1.5), 1, 0)])
    seen = history(store, hour=1.5 + 1 / 6)
    assert seen.probe_drops == 1
    assert seen.probe_up_hours == pytest.approx(0.5)


def test_an_old_probe_does_not_say_what_is_available_now(store, give):
    give(probes=ticks([1, 1], start=1))
    assert history(store, hour=1.5).available_now is True
    assert history(store, hour=2).available_now is None


def test_a_probe_for_four_needs_four(store, give):
    give(probes=[(POOL, at(1), 4, 4), (POOL, at(1 + 1 / 6), 4, 3)])
    seen = history(store, hour=1.25)
    assert seen.probe_drops == 1
    assert seen.available_now is False


def test_a_market_without_any_visible_fact_is_empty(store, give):
    give(prices=prices((20, 20, "1.00")))
    assert store.pool_histories(as_of=at(10), window=DAY) == []


def test_synthetic_evidence_is_marked(store, give):
    give(prices=prices((0, 0, "1.00")), kind="synthetic", source_id="made-up")
    assert history(store).synthetic is True
    assert history(store).price_kind is PriceKind.SYNTHETIC


def test_a_trace_of_an_unrecorded_place_is_kept_and_not_offered(store, give):
    give(tenures=[("aws/unrecorded/trace:x/p3.2xlarge/spot", "n1", at(0), at(2), at(2))])
    assert store.pool_histories(as_of=at(10), window=DAY) == []
    ((pool, sku),) = store.pools(at(10))
    assert sku.gpu_model == "V100-16GB"
    assert len(store.tenures(pool, from_at=at(0), until_at=at(10), as_of=at(10))) == 1
    assert store.span() is None


def test_a_window_of_nothing_is_refused(store):
    with pytest.raises(ImpossibleInput, match="window is 0:00:00"):
        store.pool_histories(as_of=at(1), window=timedelta(0))
