"""A job on a commitment ranks by the money still to be decided on, beside spot and on-demand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from model.commitments import Commitment, CommitmentKind
from model.committed import Committed
from model.committed_cost import committed_estimate, committed_statistics
from model.cost import estimate
from model.errors import ImpossibleInput, InsufficientHistory
from model.market import CapacityType, Evidence
from model.placement import SideCosts

NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)


def committed(kind=CommitmentKind.RESERVATION, *, sku="p5.48xlarge", gpus=None, **terms):
    plain = {"name": "ours", "kind": kind, "usd_per_hour": 20.0, "instances": 1.0, "hours": 48.0}
    return Committed(
        commitment=Commitment(**plain | terms), provider="aws", region="us-east-1", zone=None, sku=sku,
        gpu_model=gpus[0] if gpus else None, gpu_count=gpus[1] if gpus else None,
    )  # fmt: skip


def on(job, what, statistics, as_of):
    seen = committed_statistics(what, [statistics()], as_of)
    found = estimate(job, seen, NOTHING, from_at=as_of)
    return committed_estimate(job, found, what, as_of)


def test_the_machines_are_those_of_the_market_and_are_not_taken_back(statistics, as_of):
    seen = committed_statistics(committed(), [statistics()], as_of)
    assert seen.evidence is Evidence.CONTRACT
    assert seen.pool.capacity_type is CapacityType.RESERVED
    assert (seen.sku.gpu_count, seen.price_usd_per_hour, seen.on_demand_usd_per_hour) == (8, 20.0, 40.0)


def test_a_machine_nobody_knows_needs_its_gpus_stated(statistics, as_of):
    with pytest.raises(ImpossibleInput, match="State its gpu_model"):
        committed_statistics(committed(sku="x.large"), [statistics()], as_of)
    seen = committed_statistics(committed(sku="x.large", gpus=("H100-80GB", 4)), [], as_of)
    assert (seen.sku.gpu_count, seen.on_demand_usd_per_hour) == (4, None)


def test_what_is_bought_costs_nothing_more(job, statistics, as_of):
    found, priced = on(job(), committed(bought=True), statistics, as_of)
    assert found.cost_usd.mean == pytest.approx(0.0, abs=1e-9)
    assert priced.marginal_usd == 0
    # 48 h at 20 USD/h are owed, used or not.
    assert priced.sunk_usd == Decimal(960)


def test_what_is_not_bought_costs_its_whole_term(job, statistics, as_of):
    found, priced = on(job(), committed(), statistics, as_of)
    assert found.cost_usd.mean == pytest.approx(960.0)
    assert priced.sunk_usd == 0
    # 24 h, one save of 0.05 h and a boot of 0.2 h are used: 24.25 h; 23.75 h are idle.
    assert float(priced.idle_usd) == pytest.approx(23.75 * 20.0)


def test_a_discount_is_billed_for_what_is_used(job, statistics, as_of):
    found, priced = on(job(), committed(CommitmentKind.DISCOUNT, billed_idle=False), statistics, as_of)
    assert found.cost_usd.mean == pytest.approx(24.25 * 20.0)
    assert not priced.guaranteed


def test_parts_still_sum_to_the_effective_price(job, statistics, as_of):
    late = committed(start_hours=(0.0, 10.0))
    found, _ = on(job(value_of_time_usd_per_hour=7.0), late, statistics, as_of)
    assert found.parts.total() == pytest.approx(found.effective_usd_per_gpu_hour.mean, rel=1e-9)
    # The middle of the start, 5 h at 7 USD/h, over 8 x 24 GPU-hours.
    assert found.parts.waiting == pytest.approx(35.0 / 192.0)


def test_in_time_means_even_if_it_starts_as_late_as_it_may(job, statistics, as_of):
    late = committed(CommitmentKind.FLEX_START, start_hours=(0.0, 10.0), billed_idle=False)
    for hours, chance in ((36.0, 1.0), (30.0, 0.0)):
        found, _ = on(job(deadline_at=as_of + timedelta(hours=hours)), late, statistics, as_of)
        assert found.p_deadline == chance
    assert found.finish_hours.p10 == pytest.approx(25.25)
    assert found.finish_hours.p90 == pytest.approx(33.25)


def test_a_job_that_does_not_fit_a_block_is_refused(job, statistics, as_of):
    with pytest.raises(ImpossibleInput, match="the job asks for 1 for 24"):
        on(job(), committed(CommitmentKind.CAPACITY_BLOCK, hours=24.0), statistics, as_of)


def test_what_lies_beyond_a_reservation_is_on_demand_or_unknown(job, statistics, as_of):
    found, priced = on(job(gpus=16), committed(bought=True), statistics, as_of)
    assert found.cost_usd.mean == pytest.approx(24.25 * 40.0)
    assert not priced.guaranteed
    unknown = replace(statistics(), on_demand_usd_per_hour=None)
    with pytest.raises(InsufficientHistory, match="0 on-demand prices"):
        on(job(gpus=16), committed(bought=True), lambda: unknown, as_of)
