"""Work that splits: dealt out whole, within quotas and shares, told by scenarios it was not made from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from model.allocation_pieces import Piece, courses_of, piece_of
from model.allocation_split import split
from model.errors import ImpossibleInput, InsufficientHistory
from model.estimate import PoolStatistics
from model.job import Constraints, Job, Overheads, Spreading
from model.market import CapacityType, Evidence, Pool, PriceKind, Sku
from model.placement import Outcome, SideCosts

NOW = datetime(2023, 3, 1, tzinfo=UTC)
NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)


def job(**other) -> Job:
    stated = {
        "name": "parts", "gpus": 8, "useful_hours": 10.0, "state_bytes": 6_000_000_000,
        "throughput": {"V100-16GB": 1.0}, "elastic": True,
        "overheads": Overheads(pause_s=10.0, save_lag_s=0.0, boot_s=180.0, restore_s=60.0, warmup_s=60.0),
    }  # fmt: skip
    return Job(**{**stated, **other})


def sweep(copies: int = 20, **other) -> Job:
    return job(gpus=1, elastic=False, copies=copies, **other)


def pool(region: str, price: float = 1.0, hazard: float = 0.3, gpu_count: int = 1, zone: str = "a", **other):
    kind = other.pop("kind", CapacityType.SPOT)
    made = PoolStatistics(
        pool=Pool(
            provider="aws", region=region, zone=f"name:{region}{zone}", sku=f"g{gpu_count}",
            capacity_type=kind,
        ),
        sku=Sku(provider="aws", name=f"g{gpu_count}", gpu_model="V100-16GB", gpu_count=gpu_count),
        as_of=NOW, price_usd_per_hour=price, price_kind=PriceKind.RECORDED, price_age_s=0.0,
        price_mean_usd_per_hour=price, price_log_sd=0.0, price_changes=0, on_demand_usd_per_hour=3.06,
        evidence=Evidence.PROBES, borrowed_from=None, preemptions=150, exposure_hours=500.0,
        hazard_shape=hazard * 500, hazard_rate_hours=500.0, available_share=0.5, available_now=True,
        gap_hours=4.0, observed_until=NOW, sources=("made-up",), synthetic=False,
    )  # fmt: skip
    return replace(made, **other)


def steady(region: str, price: float = 3.06) -> PoolStatistics:
    return pool(
        region, price, kind=CapacityType.ON_DEMAND, evidence=Evidence.CONTRACT, preemptions=0,
        exposure_hours=0.0, hazard_shape=0.0, hazard_rate_hours=0.0, available_share=None,
        available_now=None, gap_hours=0.0,
    )  # fmt: skip


def pieces(job: Job, *pools: PoolStatistics, side: SideCosts = NOTHING) -> list[Piece]:
    return [piece_of(job, seen, side, read_afar=False) for seen in pools]


def dealt(job: Job, *pools: PoolStatistics, scenarios: int = 1000, seed: int = 1, **other):
    return split(job, pieces(job, *pools), scenarios=scenarios, seed=seed, from_at=NOW, **other)


def given(found) -> dict[str, int]:
    return {held.piece.place.name.split("/")[1]: held.pieces for held in found.held}


# Pieces.


def test_a_node_of_an_elastic_job_has_its_gpus_and_its_share_of_what_is_kept_for_all():
    # By hand: 16 GPUs on machines of 8 are two nodes, so half of 2 $/h storage and of 6 $ a save each.
    side = SideCosts(egress_usd=40.0, egress_hours=1.0, storage_usd_per_hour=2.0, save_usd=6.0)
    found = piece_of(job(gpus=16), pool("r", gpu_count=8), side, read_afar=False)
    assert (found.job.gpus, found.place.size, found.place.quota) == (8, 8.0, 2)
    assert (found.side.storage_usd_per_hour, found.side.save_usd) == (1.0, 3.0)
    assert (found.place.bring_usd, found.side.egress_usd, found.side.egress_hours) == (40.0, 0.0, 1.0)


def test_data_read_from_afar_is_paid_by_every_copy_and_by_each_node_in_part():
    side = SideCosts(egress_usd=40.0, egress_hours=0.0, storage_usd_per_hour=0.0)
    copy = piece_of(sweep(), pool("r"), side, read_afar=True)
    node = piece_of(job(gpus=4), pool("r"), side, read_afar=True)
    assert (copy.place.bring_usd, copy.side.egress_usd) == (0.0, 40.0)
    assert (node.place.bring_usd, node.side.egress_usd) == (0.0, 10.0)


def test_a_quota_counts_nodes_and_the_least_of_those_that_match_holds():
    limited = Constraints(quota_nodes=(("aws/*", 5), ("*/r/*", 3)))
    # By hand: 3 nodes of 8 GPUs hold 1 copy of a gang of 16 GPUs (2 nodes), and 3 nodes of elastic work.
    gang = replace(sweep(), gpus=16, constraints=limited)
    assert piece_of(gang, pool("r", gpu_count=8), NOTHING, read_afar=False).place.quota == 1
    scaled = job(gpus=64, constraints=limited)
    assert piece_of(scaled, pool("r", gpu_count=8), NOTHING, read_afar=False).place.quota == 3
    assert piece_of(scaled, pool("s", gpu_count=8), NOTHING, read_afar=False).place.quota == 5


def test_zones_of_a_region_and_model_share_their_luck_and_regions_do_not():
    one, near, far = (
        courses_of(each, scenarios=400, seed=3, from_at=NOW)
        for each in pieces(sweep(), pool("r"), pool("r", zone="b"), pool("s"))
    )
    assert np.array_equal(one.cost_usd_S, near.cost_usd_S)
    assert abs(np.corrcoef(one.cost_usd_S, far.cost_usd_S)[0, 1]) < 0.15


# Dealing out.


def test_every_copy_is_placed_once():
    found = dealt(
        sweep(20, spreading=Spreading(region_share=0.5)), pool("r"), pool("s", 1.02), pool("t", 1.04)
    )
    assert sum(given(found).values()) == 20
    assert sum(held.share for held in found.held) == pytest.approx(1.0)
    assert max(given(found).values()) <= 10


def test_caution_spreads_what_the_mean_alone_would_not():
    # Two pools of one law, the second 1 % dearer: the mean wants one, the tail wants both.
    pools = pool("r"), pool("s", 1.01)
    bold = dealt(sweep(spreading=Spreading(caution=0.0)), *pools)
    careful = dealt(sweep(spreading=Spreading(caution=1.0)), *pools)
    assert given(bold) == {"r": 20}
    assert set(given(careful)) == {"r", "s"}
    assert careful.alone.tail_saved_usd > 0
    assert careful.judgement.tail_usd < bold.judgement.tail_usd


def test_another_zone_of_the_same_region_is_no_spreading():
    found = dealt(sweep(spreading=Spreading(caution=1.0)), pool("r"), pool("r", 1.01, zone="b"))
    assert [held.pieces for held in found.held] == [20]
    assert found.alone.spreading_usd == 0.0


def test_the_price_of_spreading_is_the_difference_of_means_and_tails():
    found = dealt(sweep(spreading=Spreading(region_share=0.5)), pool("r"), pool("s", 1.2))
    alone = found.alone.judgement
    assert found.alone.spreading_usd == pytest.approx(found.judgement.cost_usd.mean - alone.cost_usd.mean)
    # By hand: half of the work at a price 20 % higher is 10 % more, give or take the scenarios.
    assert found.alone.spreading_usd / alone.cost_usd.mean == pytest.approx(0.10, abs=0.01)


def test_data_is_brought_once_for_each_region_used():
    # By hand: two regions at 7 $ each are 14 $ more than the machines.
    task = sweep(spreading=Spreading(region_share=0.5))
    side = SideCosts(egress_usd=7.0, egress_hours=0.0, storage_usd_per_hour=0.0)
    found = split(task, pieces(task, pool("r"), pool("s"), side=side), scenarios=1000, seed=1, from_at=NOW)
    machines = sum(held.cost_usd for held in found.held)
    assert found.judgement.cost_usd.mean == pytest.approx(machines + 14.0)


def test_machines_of_several_sizes_together_hold_all_gpus():
    # By hand: of 20 GPUs at most 12 in one region, so one node of 8 here and three of 4 there.
    task = job(gpus=20, spreading=Spreading(region_share=0.6))
    found = dealt(task, pool("r", 8.0, gpu_count=8), pool("s", 4.1, gpu_count=4))
    held = sum(each.pieces * each.piece.place.size for each in found.held)
    assert held == 20
    assert given(found) == {"r": 1, "s": 3}


def test_an_elastic_deadline_binds_all_nodes_together_and_on_demand_fills_up():
    # By hand: 80 GPU-hours in 13 h need 77 % progress of eight nodes; spot makes about half.
    task = job(deadline_at=NOW + timedelta(hours=13))
    found = dealt(task, pool("r"), pool("s", 1.02), steady("t"), scenarios=2000)
    assert 0 < given(found)["t"] < 8
    assert found.judgement.p_deadline >= 0.87
    assert found.judgement.finish_hours.p90 <= 13.3
    assert found.judgement.cost_usd.mean < found.alone.judgement.cost_usd.mean  # Which is on-demand alone.


def test_a_deadline_that_nothing_keeps_is_refused_with_what_the_surest_pool_does():
    task = job(deadline_at=NOW + timedelta(hours=9))
    with pytest.raises(ImpossibleInput, match=r"8 in all, reach 80 GPU-hours by the deadline .* do 7\d"):
        dealt(task, pool("r"), steady("t"))


def test_copies_go_only_where_each_is_in_time_and_too_few_such_pools_are_refused():
    # By hand: 10 h of work within 11 h leave no room for gaps of 4 h, three an average run.
    task = sweep(deadline_at=NOW + timedelta(hours=11))
    with pytest.raises(InsufficientHistory, match=r"1 of 3 pools have a copy done in time in 90%"):
        dealt(task, pool("r"), pool("s"), steady("t"))
    found = dealt(task, pool("r"), steady("t"), steady("u", 3.10))
    assert given(found) == {"t": 20}


def test_one_pool_and_a_gang_are_refused():
    with pytest.raises(InsufficientHistory, match=r"1 of 1 pools .* nothing to spread over"):
        dealt(sweep(), pool("r"))
    with pytest.raises(ImpossibleInput, match="never split"):
        dealt(job(elastic=False), pool("r"), pool("s"))


def test_a_region_share_that_regions_cannot_fill_names_what_is_missing():
    # By hand: two regions of at most 40 % each hold 16 of 20.
    with pytest.raises(ImpossibleInput, match=r"hold 16 of 20 copies with at most 40% .* by 4"):
        dealt(sweep(spreading=Spreading(region_share=0.4)), pool("r"), pool("s"))


def test_a_share_of_less_than_one_node_holds_none_and_that_is_what_the_refusal_says():
    # By hand: 16 GPUs are two nodes of 8; at most 40 % of them, 6.4 GPUs, is no whole node in any region.
    task = job(gpus=16, spreading=Spreading(region_share=0.4))
    with pytest.raises(ImpossibleInput, match="hold 0 of 16 GPUs with at most 40% of them in one region"):
        dealt(task, *(pool(region, 8.0, gpu_count=8) for region in "rst"))


def test_no_pool_that_holds_all_leaves_nothing_to_compare_with():
    limited = Constraints(quota_nodes=(("*", 12),))
    assert dealt(sweep(constraints=limited), pool("r"), pool("s")).alone is None


def test_simulated_courses_are_used_where_there_are_any_and_counted():
    def courses(piece, seen, side, seed, paths):
        if seen.pool.region == "s":
            return None
        drawn = courses_of(pieces(sweep(), seen)[0], scenarios=paths, seed=seed + 1, from_at=NOW)
        usd, zero = drawn.cost_usd_S, np.zeros(paths)
        return Outcome(
            preemptions=zero, lost_hours=zero, restart_hours=zero, waiting_hours=zero, billed_hours=zero,
            wall_hours=drawn.wall_hours_S, cost_usd=usd, effective_usd_per_gpu_hour=usd / 10.0,
        )  # fmt: skip

    found = dealt(sweep(), pool("r"), pool("s"), courses=courses)
    assert (found.considered, found.simulated) == (2, 1)


def test_the_same_seed_gives_the_same_allocation_in_any_order_of_pools():
    pools = pool("r"), pool("s", 1.01), pool("t", 1.02)
    task = sweep(spreading=Spreading(caution=1.0, region_share=0.6))
    assert given(dealt(task, *pools)) == given(dealt(task, *reversed(pools)))
