"""Siting: where data is used from and checkpoints live, enumerated, residency-checked, priced."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from model.errors import ImpossibleInput
from model.job import DataUse
from model.placement import SideCosts, placed
from model.siting import CheckpointWay, DataWay, NoSiting, Place, Siting, best_siting
from model.siting_cost import mean_cost, pricer

HOME = Place(provider="aws", region="us-east-1", law="US")
FAR = Place(provider="aws", region="us-west-2", law="US")
EU = Place(provider="aws", region="eu-west-1", law="EU/EEA")
STORE = Place(provider="apart", region="auto")
TERA = 10**12


@dataclass
class Flat:
    """Two cents a GB between any two places, none out of `free`; 73 cents a GB-month; 1 GB/s."""

    free: tuple[str, ...] = ()
    usd: float = 0.02
    kept: dict[str, float] = field(default_factory=dict)
    speed: float = 1e9

    def egress_usd_per_gb(self, start, end, moved_bytes):
        return 0.0 if start.provider in self.free else self.usd

    def storage_usd_per_gb_month(self, place):
        return self.kept.get(place.provider, 0.73)

    def bytes_per_s(self, start, end):
        return self.speed


def sited(job, seen, rates=None, *, here=FAR, copies=(HOME,), away=(), **more):
    price = pricer(job, seen, rates or Flat(), here=here, away=away, retained=3)
    return best_siting(job, seen, price, here=here, copies=copies, away=away, **more)


@pytest.fixture
def data(job):
    return lambda **use: job(dataset_bytes=TERA, data_use=DataUse(**use))


def ways(found):
    return {(each.siting.data, each.siting.checkpoints) for each in found.priced}


def test_with_nothing_stated_the_data_is_copied_once_and_reading_it_from_afar_says_why_not(data, statistics):
    found = sited(data(), statistics())
    # By hand: 1,000 GB at 0.02 is 20 USD and, at 1 GB/s, 1,000 s; kept are 3 x 100 GB and the copy.
    assert found.chosen.siting.data is DataWay.COPIED
    assert found.chosen.siting.checkpoints is CheckpointWay.BESIDE_GPUS
    assert found.chosen.side.egress_usd == pytest.approx(20.0)
    assert found.chosen.side.egress_hours == pytest.approx(1000 / 3600)
    assert found.chosen.side.storage_usd_per_hour == pytest.approx(1300 * 0.73 / 730)
    assert [each.what for each in found.rejected] == ["reading the data from afar each epoch"]
    assert "no epochs" in found.rejected[0].reason


def test_one_epoch_is_read_from_afar_where_that_saves_the_copy(data, statistics):
    found = sited(data(epochs=1.0), statistics())
    # The same 20 USD leave either way; reading keeps no copy and starts at once.
    assert found.chosen.siting.data is DataWay.READ
    assert found.chosen.epoch_usd == pytest.approx(20.0)
    assert found.chosen.side.egress_hours == 0
    copied = next(each for each in found.priced if each.siting.data is DataWay.COPIED)
    assert found.chosen.total_usd < copied.total_usd


def test_ten_epochs_are_copied_once(data, statistics):
    # By hand: 10 x 20 USD against 20 USD and about a dollar an hour of storage over some 50 h.
    found = sited(data(epochs=10.0), statistics())
    assert found.chosen.siting.data is DataWay.COPIED
    read = next(each for each in found.priced if each.siting.data is DataWay.READ)
    assert read.side.egress_usd == pytest.approx(200.0)


def test_reading_slower_than_the_gpus_compute_is_billed_waiting(data, statistics):
    # By hand: 10 epochs of 1,000 GB at 0.05 GB/s take 200,000 s = 55.6 h; the work takes 24 h.
    found = sited(data(epochs=10.0), statistics(), Flat(usd=0.0, speed=5e7))
    read = next(each for each in found.priced if each.siting.data is DataWay.READ)
    assert read.side.read_wait_hours == pytest.approx(200_000 / 3600 - 24)
    placement = placed(data(epochs=10.0), statistics(), read.side, 0.0)
    saves = placement.cadence.saves(24.0)
    assert placement.stall_hours == pytest.approx(saves * 180 / 3600 + 200_000 / 3600 - 24)


def test_a_share_is_copied_alone(data, statistics):
    found = sited(data(read_share=0.25), statistics())
    assert found.chosen.siting.data is DataWay.SHARDED
    assert found.chosen.once_usd == pytest.approx(5.0)  # A quarter of 20.
    assert DataWay.COPIED in {way for way, _ in ways(found)}


def test_a_copy_next_door_moves_nothing(data, statistics):
    found = sited(data(epochs=3.0), statistics(), copies=(HOME, FAR))
    assert {way for way, _ in ways(found)} == {DataWay.HERE}
    assert found.chosen.side.egress_usd == 0


def test_the_nearest_copy_is_used(data, statistics):
    free = Place(provider="cheap", region="x")
    found = sited(data(), statistics(), Flat(free=("cheap",)), copies=(HOME, free))
    assert found.chosen.siting.data_from == free


def test_the_runner_up_and_the_difference_are_told(data, statistics):
    found = sited(data(epochs=1.0), statistics())
    assert found.runner_up is found.priced[1]
    assert found.difference_usd == pytest.approx(found.priced[1].total_usd - found.priced[0].total_usd)
    assert found.difference_usd >= 0


def test_a_far_checkpoint_is_paid_at_every_save_and_every_restore(job, statistics):
    here = job(state_bytes=10**11)
    price = pricer(here, statistics(), Flat(), here=FAR, retained=3)
    far = price(
        Siting(
            data=DataWay.NONE, data_from=None, checkpoints=CheckpointWay.NEUTRAL, checkpoint_place=STORE
        )
    )  # fmt: skip
    # By hand: 100 GB at 0.02 is 2 USD; at 1 GB/s 100 s, less than the 180 s a restore is stated to take.
    assert far.side.save_usd == pytest.approx(2.0)
    assert far.side.restore_usd == pytest.approx(2.0)
    assert far.side.restore_hours == 0
    assert far.side.save_lag_hours == pytest.approx(100 / 3600)  # The stated save has no lag.
    placement = placed(here, statistics(), far.side, 0.1)
    assert placement.moved_usd(4.0) == pytest.approx(2.0 * placement.cadence.saves(24.0) + 8.0)


def test_a_slow_restore_from_afar_lengthens_every_restart(job, statistics):
    price = pricer(job(), statistics(), Flat(speed=1e8), here=FAR, retained=3)
    far = price(
        Siting(
            data=DataWay.NONE, data_from=None, checkpoints=CheckpointWay.NEUTRAL, checkpoint_place=STORE
        )
    )  # fmt: skip
    # By hand: 100 GB at 0.1 GB/s are 1,000 s, 820 more than the stated 180.
    assert far.side.restore_hours == pytest.approx(820 / 3600)
    near = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)
    assert placed(job(), statistics(), far.side, 0.1).cadence.restart_hours == pytest.approx(
        placed(job(), statistics(), near, 0.1).cadence.restart_hours + 820 / 3600
    )


def test_checkpoints_go_to_a_free_store_where_the_run_moves_often(data, statistics):
    # Nothing leaves for money from `gpu`, everything from the big provider does.
    seen = statistics()
    here = Place(provider="gpu", region="x")
    rates = Flat(free=("gpu", "apart"), usd=0.5, kept={"gpu": 0.02, "apart": 0.02, "aws": 0.02})
    stay, roam = data(), data(moves=50.0)
    calm = sited(stay, seen, rates, here=here, neutral=(STORE,), away=(HOME, FAR))
    assert calm.chosen.siting.checkpoints is CheckpointWay.BESIDE_GPUS
    held = sited(roam, seen, replace(rates, free=("apart",)), here=here, neutral=(STORE,), away=(HOME, FAR))
    beside = next(e for e in held.priced if e.siting.checkpoints is CheckpointWay.BESIDE_GPUS and e.move_usd)
    # By hand: a move takes 100 GB of checkpoint out at 0.50, and the data anew: 1,000 GB from aws to the
    # other of two regions, so 50 + (0 + 500) / 2.
    assert beside.move_usd == pytest.approx(50.0 + 250.0)
    neutral = next(e for e in held.priced if e.siting.checkpoints is CheckpointWay.NEUTRAL)
    assert neutral.move_usd == pytest.approx(250.0)


def test_replication_saves_the_moves_and_costs_a_second_store(job, statistics):
    roaming = job(data_use=DataUse(moves=2.0))
    found = sited(roaming, statistics(), here=HOME, copies=(), away=(FAR, EU))
    copies = [e for e in found.priced if e.siting.checkpoints is CheckpointWay.REPLICATED]
    assert {e.siting.replica_place for e in copies} == {FAR, EU}
    beside = next(e for e in found.priced if e.siting.checkpoints is CheckpointWay.BESIDE_GPUS)
    assert copies[0].side.storage_usd_per_hour == pytest.approx(2 * beside.side.storage_usd_per_hour)
    assert copies[0].move_usd == 0
    assert copies[0].side.save_usd == pytest.approx(2.0)


def test_residency_bars_a_pool_outside_the_allowed_law(data, statistics):
    with pytest.raises(NoSiting, match=r"Data may go to EU/EEA only, and aws/us-west-2 \(US\) is none"):
        sited(data(allowed=("EU/EEA",)), statistics())
    assert sited(data(allowed=("EU/EEA",)), statistics(), here=EU).chosen


def test_checkpoints_keep_to_the_rules_of_the_data_unless_they_have_their_own(data, statistics):
    strict = sited(data(allowed=("us-*",)), statistics(), neutral=(STORE,))
    assert CheckpointWay.NEUTRAL not in {kind for _, kind in ways(strict)}
    assert any("Checkpoints may lie in us-* only, not in apart/auto" in r.reason for r in strict.rejected)
    loose = sited(
        data(allowed=("us-*",), checkpoints_allowed=("us-*", "apart/*")), statistics(), neutral=(STORE,)
    )
    assert CheckpointWay.NEUTRAL in {kind for _, kind in ways(loose)}


def test_no_place_for_checkpoints_is_a_refusal(job, statistics):
    barred = job(data_use=DataUse(checkpoints_allowed=("mars",)))
    with pytest.raises(NoSiting, match="checkpoints of job 'example' may not lie"):
        sited(barred, statistics(), copies=())


def test_a_siting_in_time_comes_before_a_cheaper_late_one(data, statistics):
    # Copying at 10 MB/s takes 27.8 h before the start; reading one epoch is hidden behind dear egress.
    seen, rates = statistics(), Flat(speed=1e7, usd=0.0)
    loose = sited(data(epochs=1.0), seen, rates)
    tight = sited(data(epochs=1.0), seen, rates, hours_to_deadline=1e-3)
    assert {e.siting for e in loose.priced} == {e.siting for e in tight.priced}
    middle = sorted(e.wall_hours for e in loose.priced)[0]
    first = sited(data(epochs=1.0), seen, rates, hours_to_deadline=middle).chosen
    assert first.wall_hours <= middle


def test_the_total_is_the_jobs_mean_cost_with_that_side(data, statistics):
    chosen = sited(data(), statistics()).chosen
    assert (chosen.total_usd, chosen.wall_hours) == mean_cost(data(), statistics(), chosen.side)


def test_a_pool_where_the_job_never_ends_is_infinitely_dear_and_warns_of_nothing(data, statistics):
    endless = statistics(hazard_shape=5e5)
    assert sited(data(), endless).chosen.total_usd == float("inf")


@pytest.mark.parametrize(
    "use",
    [{"epochs": 0.0}, {"epochs": float("nan")}, {"read_share": 0.0}, {"read_share": 2.0}, {"moves": -1.0}],
)
def test_impossible_uses_are_refused(data, statistics, use):
    with pytest.raises(ImpossibleInput):
        sited(data(**use), statistics())
