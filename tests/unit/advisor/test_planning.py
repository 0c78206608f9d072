"""An option becomes a plan that the trainer's own schema accepts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from advisor.planning import Origin, Placement, make_plan
from model.job import Constraints
from model.market import Pool
from trainer.plan import Plan, PlanStores

NOW = datetime(2023, 3, 1, tzinfo=UTC)
SCHEMA = json.loads((Path(__file__).parents[3] / "trainer" / "plan.schema.json").read_text())
HERE = Pool.parse("aws/us-east-1/name:us-east-1a/p3.2xlarge/spot")
PLACEMENT = Placement(
    pool=HERE,
    nodes=8,
    gpus_per_node=8,
    interval_s=1800.0,
    fallbacks=("aws/us-west-2/-/p3.2xlarge/spot",),
)


def planned(job, placement=PLACEMENT, **changes):
    told = {
        "run_id": "run-0000000000000001",
        "attempt": 3,
        "issued_at": NOW,
        "stores": PlanStores(local_dir="/c", primary_url=None, replica_urls=(), key_ref=None),
        "origin": Origin(
            recommendation_id="rec-0000000000000001", body=b"{}", as_of=NOW - timedelta(hours=1)
        ),
        "nominal_notice_s": 120.0,
        "service_url": None,
    }
    return make_plan(job, placement, **{**told, **changes})


def test_a_plan_satisfies_the_schema_and_reads_back_the_same(job):
    plan = planned(job)
    jsonschema.validate(plan.to_dict(), SCHEMA)
    assert Plan.read(plan.to_json().encode()) == plan


def test_the_pool_and_the_fallbacks_keep_their_keys(job):
    plan = planned(job)
    assert plan.pool.key == HERE.key
    assert [pool.key for pool in plan.fallbacks] == ["aws/us-west-2/-/p3.2xlarge/spot"]


def test_on_a_machine_of_its_pool_the_provider_is_asked_for_a_notice_where_it_can_be(job):
    assert planned(job).notice.poll_url is None  # A replay, or this very machine.
    for provider, told in {"aws": "metadata", "gcp": "metadata", "azure": "metadata", "demo": None}.items():
        pool = replace(HERE, provider=provider)
        plan = planned(job, replace(PLACEMENT, pool=pool), on_its_pool=True)
        assert (plan.notice.provider, plan.notice.poll_url, plan.notice.assumed_s) == (provider, told, 0.0)


def test_a_plan_may_be_started_for_a_day(job):
    assert planned(job).expires_at == NOW + timedelta(hours=24)


def test_the_digest_is_of_the_stored_bytes(job):
    assert planned(job).provenance.recommendation_sha256 == hashlib.sha256(b"{}").hexdigest()


def test_no_notice_is_assumed_whatever_the_provider_says(job):
    notice = planned(job).notice
    assert (notice.nominal_s, notice.assumed_s) == (120.0, 0.0)


def test_the_most_lost_work_is_interval_and_save_lag_unless_the_job_states_it(job):
    # By hand: saves every 1800 s that take 100 s to be durable: at most 1900 s are lost.
    slow = replace(job, overheads=replace(job.overheads, save_lag_s=100.0))
    assert planned(slow).checkpoint.max_lost_work_s == 1900.0
    assert planned(slow).checkpoint.asynchronous
    stated = replace(slow, constraints=Constraints(max_lost_work_s=3600.0))
    assert planned(stated).checkpoint.max_lost_work_s == 3600.0


@pytest.mark.parametrize(("capacity", "floor"), [("spot", 0), ("on_demand", 8)])
def test_on_demand_machines_are_the_floor(job, capacity, floor):
    pool = Pool.parse(f"aws/us-east-1/-/p3.2xlarge/{capacity}")
    nodes = planned(job, replace(PLACEMENT, pool=pool)).nodes
    assert (nodes.count, nodes.gpus_per_node, nodes.on_demand_floor) == (8, 8, floor)


def test_a_service_is_named_with_the_variable_that_holds_the_token(job):
    service = planned(job, service_url="http://127.0.0.1:8787").service
    assert (service.url, service.token_env) == ("http://127.0.0.1:8787", "LOWTIDE_TOKEN")
    assert planned(job).service is None


def test_light_saves_reach_the_plan_of_the_option_that_counts_on_them(job):
    stored = {
        "pool_id": HERE.key, "nodes": 8, "gpu_count": 8, "interval_s": 3600.0, "fallbacks": [],
        "interval_law": {"light_every_s": 900.0},
    }  # fmt: skip
    checkpoint = planned(job, Placement.of_stored(stored)).checkpoint
    assert (checkpoint.light_every_s, checkpoint.full_every_s) == (900.0, 3600.0)


def test_an_option_stored_before_formulas_were_named_has_full_saves_alone(job):
    stored = {"pool_id": HERE.key, "nodes": 8, "gpu_count": 8, "interval_s": 3600.0, "fallbacks": []}
    assert planned(job, Placement.of_stored(stored)).checkpoint.light_every_s is None
