"""The siting in an answer: chosen, next best, rejected, in words, and with the figures behind it."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from advisor.present import option_out
from advisor.recommend import recommend
from advisor.sides import side_costs
from advisor.siting_tables import siting_renderable
from advisor.wire import JobSpec, to_job
from model.job import DataUse

NOW = datetime(2023, 3, 1, tzinfo=UTC)
BIG = 500_000_000_000


def best(job, statistics, tariffs):
    return recommend(job, statistics, [], tariffs, as_of=NOW, draws=200).options[0]


@pytest.fixture
def moved(job):
    return replace(job, dataset_bytes=BIG, data_provider="aws", data_region="us-west-2")


def test_a_job_without_data_costs_what_it_did_and_shows_no_choice(job, spot, tariffs):
    found = best(job, [spot()], tariffs)
    assert found.side == side_costs(job, found.pool, tariffs)[0]
    assert found.siting.runner_up is None
    assert option_out(found, NOW).siting is None
    assert not any("Sited" in reason for reason in found.reasons)


def test_a_copy_made_once_costs_what_it_did(moved, spot, tariffs):
    found = best(moved, [spot()], tariffs)
    assert found.siting.chosen.siting.data == "copied_once"
    assert found.side == pytest.approx(side_costs(moved, found.pool, tariffs)[0])


def test_the_answer_says_which_way_and_what_the_next_best_costs_more(moved, spot, tariffs):
    found = best(moved, [spot(), spot("us-west-2", price=2.9)], tariffs)
    told = next(reason for reason in found.reasons if reason.startswith("Sited"))
    assert "data copied once from aws/us-west-2, checkpoints beside the GPUs; next best" in told
    siting = option_out(found, NOW).siting
    assert siting.chosen == siting.priced[0]
    assert siting.runner_up == siting.priced[1]
    assert siting.difference_usd == pytest.approx(siting.runner_up.total_usd - siting.chosen.total_usd)
    assert siting.rejected[0].what == "reading the data from afar each epoch"


def test_reading_each_epoch_is_said_and_its_egress_is_in_the_parts(moved, spot, tariffs):
    once = replace(moved, data_use=DataUse(epochs=1.0))
    found = best(once, [spot()], tariffs)
    assert any(
        "Reading 500 GB from aws us-west-2 costs $10.00 in each of 1 epochs" in r for r in found.reasons
    )
    assert found.estimate.parts.egress * found.estimate.useful_gpu_hours == pytest.approx(10.0)
    assert found.estimate.parts.total() == pytest.approx(found.estimate.effective_usd_per_gpu_hour.mean)


def test_egress_of_far_checkpoints_is_in_the_parts_and_in_the_money(moved, spot, tariffs):
    # Only the store apart is allowed: every save and every restore leaves a region.
    away = replace(moved, data_use=DataUse(checkpoints_allowed=("cloudflare-r2/*",)))
    found = best(away, [spot()], tariffs)
    estimate, side = found.estimate, found.side
    assert found.siting.chosen.siting.checkpoints == "neutral"
    # By hand: 6 GB at 0.09 out and back; a save for each interval of the ten hours.
    assert side.save_usd == pytest.approx(0.54)
    saves = round(10.0 * 3600 / estimate.interval_s)  # Cut evenly.
    paid = 10.0 + saves * 0.54 + estimate.preemptions.mean * 0.54
    assert estimate.parts.egress * estimate.useful_gpu_hours == pytest.approx(paid, rel=1e-3)
    assert estimate.parts.total() == pytest.approx(estimate.effective_usd_per_gpu_hour.mean, rel=1e-9)


def test_a_pool_outside_the_allowed_regions_is_rejected_by_residency(moved, spot, tariffs):
    kept = replace(moved, data_use=DataUse(allowed=("us-west-*",)))
    found = recommend(kept, [spot(), spot("us-west-2")], [], tariffs, as_of=NOW, draws=200)
    assert [option.pool.region for option in found.options] == ["us-west-2"]
    assert [(each.rule, each.pool.region) for each in found.rejected] == [("residency", "us-east-1")]
    assert "Data may go to us-west-* only" in found.rejected[0].reason


def test_a_job_file_states_its_data_use():
    spec = JobSpec.model_validate(
        {
            "job": {"name": "n", "gpus": 1, "useful_hours": 1.0, "state_bytes": 1, "throughput": {"X": 1.0}},
            "overheads": dict.fromkeys(("pause_s", "save_lag_s", "boot_s", "restore_s", "warmup_s"), 1.0),
            "data": {
                "dataset_bytes": 5,
                "provider": "aws",
                "region": "a",
                "epochs": 2.0,
                "read_share": 0.5,
                "replicas": [{"provider": "gcp", "region": "b"}],
                "allowed_regions": ["EU/EEA"],
            },
            "checkpoints": {"allowed_regions": ["eu-*"], "moves": 1.5},
        }
    )
    assert to_job(spec, NOW).data_use == DataUse(
        epochs=2.0,
        read_share=0.5,
        replicas=(("gcp", "b"),),
        allowed=("EU/EEA",),
        checkpoints_allowed=("eu-*",),
        moves=1.5,
    )


def test_a_terminal_shows_the_ways_that_were_priced(moved, spot, tariffs):
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(siting_renderable(option_out(best(moved, [spot()], tariffs), NOW).model_dump()))
    shown = console.export_text()
    assert "data copied once from aws/us-west-2, checkpoints beside the GPUs" in shown
    assert "not reading the data from afar each epoch" in shown
