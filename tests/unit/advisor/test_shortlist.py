"""Many pools are screened, the best estimated, the rest counted; few pools are all estimated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from advisor.recommend import recommend
from advisor.refine import Remembered, digest
from advisor.shortlist import MOST, SHOWN, shortlist
from model.cost import SideCosts
from model.errors import ImpossibleInput
from model.estimate import Drawn

NOW = datetime(2023, 3, 1, tzinfo=UTC)
NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)


def many(spot, number: int = 70):
    """Spot pools in as many regions, a cent dearer each, by key."""
    pools = [spot(f"region-{n:02}", 0.92 + 0.01 * n) for n in range(number)]
    return sorted(pools, key=lambda seen: seen.pool.key)


def ranked(job, pools, tariffs, **other):
    return recommend(job, pools, [], tariffs, as_of=NOW, draws=200, **other)


def chosen(job, pools, **other):
    return shortlist(job, pools, lambda seen: NOTHING, as_of=NOW, **other)


def test_few_pools_are_not_screened_at_all(job, spot):
    pools = many(spot, MOST)
    found = chosen(job, pools)
    assert found.kept == pools
    assert found.screening is None


def test_the_best_by_screened_price_are_kept_and_the_rest_counted_with_the_best_of_them(job, spot):
    found = chosen(job, many(spot), most=10)
    assert [seen.pool.region for seen in found.kept] == [f"region-{n:02}" for n in range(10)]
    told = found.screening
    assert (told.screened, told.estimated, told.screened_out) == (70, 10, 60)
    assert [each.pool.region for each in told.best] == [f"region-{n:02}" for n in range(10, 10 + SHOWN)]
    assert "the dearest that was estimated for its price is at" in told.best[0].reason
    assert told.method == "closed_form"


def test_the_cheapest_on_demand_and_whoever_is_named_are_always_estimated(job, spot, on_demand):
    pools = sorted(
        [*many(spot), on_demand("region-05", 3.2), on_demand("region-06", 3.1)],
        key=lambda seen: seen.pool.key,
    )
    named = spot("region-66", 0.92 + 0.66).pool.key
    kept = {seen.pool.key for seen in chosen(job, pools, most=10, named=(named,)).kept}
    assert len(kept) == 12
    assert named in kept
    assert on_demand("region-06").pool.key in kept
    assert on_demand("region-05").pool.key not in kept


def test_a_pool_that_misses_the_deadline_stays_behind_one_that_meets_it_and_says_so(job, spot):
    # Ten hours of work in twelve: cheap pools that wait ten hours for capacity at the start do not make it.
    tight = replace(job, deadline_at=NOW + timedelta(hours=12))
    cheap = [spot(f"a-{n}", 0.1, available_now=False, gap_hours=10.0) for n in range(3)]
    pools = sorted([*cheap, *many(spot, 12)], key=lambda seen: seen.pool.key)
    found = chosen(tight, pools, most=12)
    assert {seen.pool.region[0] for seen in found.kept} == {"r"}
    assert all(
        "meets the deadline 2023-03-01 12:00 UTC with a chance of" in b.reason for b in found.screening.best
    )


def test_a_broken_pool_is_rejected_alone_with_its_reason(job, spot):
    pools = many(spot)
    pools[3] = replace(pools[3], gap_hours=float("nan"))
    found = chosen(job, pools, most=10)
    assert [(each.pool, each.rule) for each in found.rejected] == [(pools[3].pool, "no_estimate")]
    assert "gap" in found.rejected[0].reason
    assert len(found.kept) == 10


def test_a_place_without_a_tariff_is_rejected_and_asked_once(job, spot):
    asked = []

    def sides(seen):
        asked.append(seen.pool.region)
        if seen.pool.region == "region-07":
            raise ImpossibleInput("No tariff.", fix="Add one.")
        return NOTHING

    found = shortlist(job, many(spot), sides, as_of=NOW, most=10)
    assert [each.reason for each in found.rejected] == ["No tariff."]
    assert len(asked) == 70


def test_a_ranking_of_many_pools_has_the_same_best_as_one_that_estimates_them_all(
    job, spot, on_demand, tariffs
):
    pools = [*many(spot), on_demand()]
    short = ranked(job, pools, tariffs)
    assert len(short.options) == MOST + 1
    assert short.screening.screened_out == 20
    whole = ranked(job, pools, tariffs, named=[seen.pool.key for seen in pools])
    assert len(whole.options) == 71
    assert [option.pool for option in short.options[:MOST]] == [
        option.pool for option in whole.options[:MOST]
    ]
    assert [o.estimate for o in short.options[:10]] == [o.estimate for o in whole.options[:10]]


def test_the_order_of_many_pools_changes_nothing(job, spot, tariffs):
    pools = many(spot)
    assert ranked(job, pools, tariffs) == ranked(job, pools[::-1], tariffs)


def test_the_best_ten_are_refined_and_ranked_anew(job, spot, tariffs):
    asked = []

    def refine(job, seen, side, seed):
        asked.append(seen.pool.region)
        found = next(o for o in plain.options if o.pool == seen.pool).estimate
        if seen.pool.region == "region-00":  # The simulation finds the favourite dearer than the next.
            worse = replace(
                found.effective_usd_per_gpu_hour, mean=1.05 * found.effective_usd_per_gpu_hour.mean
            )
            return replace(found, method="simulated", effective_usd_per_gpu_hour=worse, drawn=None)
        if seen.pool.region == "region-03":
            raise ImpossibleInput("No history.", fix="Collect.")
        return None if seen.pool.region == "region-04" else replace(found, method="simulated")

    pools = many(spot, 15)
    plain = ranked(job, pools, tariffs)
    found = ranked(job, pools, tariffs, refine=refine)
    assert len(asked) == 10
    assert found.options[0].pool.region == "region-01"
    assert [option.rank for option in found.options] == list(range(1, 16))
    methods = {option.pool.region: option.estimate.method for option in found.options}
    assert methods["region-00"] == methods["region-01"] == "simulated"
    assert methods["region-03"] == methods["region-04"] == methods["region-12"] == "closed_form"
    assert all(option.p_first is not None for option in found.options)


def test_draws_that_do_not_pair_with_those_of_the_others_are_not_taken(job, spot, tariffs):
    def refine(job, seen, side, seed):
        found = next(o for o in plain.options if o.pool == seen.pool).estimate
        return replace(found, method="simulated", drawn=Drawn(np.ones(3), np.ones(3, dtype=bool)))

    plain = ranked(job, many(spot, 3), tariffs)
    found = ranked(job, many(spot, 3), tariffs, refine=refine)
    assert [option.p_first for option in found.options] == [option.p_first for option in plain.options]


def test_a_refinement_is_worked_out_once_for_equal_questions(job, spot):
    asked = []

    def refine(job, seen, side, seed):
        asked.append(seed)

    kept = Remembered(refine, most=2)
    one, other = spot(), spot(price=1.0)
    for question in ((job, one, NOTHING, 1), (job, one, NOTHING, 1), (job, other, NOTHING, 1)):
        kept(*question)
    assert len(asked) == 2
    kept(job, one, NOTHING, 2)  # Pushes out the first, which was asked least lately.
    kept(job, one, NOTHING, 1)
    assert len(asked) == 4
    assert digest(job, one, NOTHING, 1) != digest(job, one, replace(NOTHING, egress_usd=1e-9), 1)


def test_chances_of_the_first_place_sum_to_one_and_the_first_option_says_what_would_cost_it(
    job, spot, on_demand, tariffs
):
    found = ranked(replace(job, deadline_at=None), [spot(), spot("us-west-2", 0.93), on_demand()], tariffs)
    assert sum(option.p_first for option in found.options) == pytest.approx(1.0)
    assert sum(option.p_first_apart for option in found.options) == pytest.approx(1.0)
    assert found.options[2].p_first < 0.01
    # A cent apart, .2 preemptions each. Alike, the cheaper always wins; apart, where it sees
    # none (e^-.2 = .82) or, of the .03 where both see some, in half of them.
    assert found.options[0].p_first > 0.99
    assert found.options[0].p_first_apart == pytest.approx(0.82 + 0.5 * 0.18**2, abs=0.08)
    told = " ".join(found.options[0].reasons)
    assert "Cheapest in time in" in told
    assert f"Loses rank 1 to {found.options[1].pool.key} if, all else the same, its price exceeds" in told
    assert not any("Loses rank 1" in reason for reason in found.options[1].reasons)
    assert {lever.name for lever in found.sensitivity.levers} == {"price", "preemption_rate", "gap", "pause"}


def test_a_lone_option_has_nothing_to_lose_its_place_to(job, spot, tariffs):
    found = ranked(job, [spot()], tariffs)
    assert found.sensitivity is None
    assert found.options[0].grade.letter in "ABCD"
