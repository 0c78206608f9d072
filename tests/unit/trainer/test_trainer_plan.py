"""A plan is read strictly: obeyed whole or refused in one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from trainer.plan import Plan, PlanError, plan_schema

ROOM = Path(__file__).parents[3] / "trainer"


def read(value):
    return Plan.read(json.dumps(value).encode())


def test_the_example_is_a_plan_and_comes_back_unchanged(example):
    plan = read(example)
    assert plan.to_dict() == example
    assert Plan.read(plan.to_json().encode()) == plan


def test_a_pool_is_named_as_the_market_names_it(example):
    plan = read(example)
    assert plan.pool.key == "gcp/us-central1/-/a3-highgpu-8g/spot"
    assert plan.fallbacks[0].key == "aws/us-east-1/use1-az4/p5.48xlarge/spot"


def test_the_schema_beside_the_module_is_the_generated_one_and_accepts_the_example(example):
    stored = json.loads((ROOM / "plan.schema.json").read_text())
    assert stored == plan_schema(), "run: python -m trainer.plan --schema > trainer/plan.schema.json"
    jsonschema.validate(example, stored)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("schema_version", 2, "schema version 2; this trainer reads up to 1"),
        ("schema_version", "1", "plan.schema_version is str"),
        ("job.gpus", True, "plan.job.gpus is bool true; it must be a whole number"),
        ("job.gpus", 0, "plan.job.gpus is 0; the least is 1"),
        ("job.name", None, "plan.job.name is null"),
        ("checkpoint.full_every_s", "often", 'str "often"; it must be a finite number'),
        ("checkpoint.full_every_s", 0, "nothing but saving"),
        ("checkpoint.full_every_s", 10**400, "must be a finite number"),
        ("checkpoint.codec", "zip", "it must be one of none"),
        ("pool.capacity_type", "cheap", "it must be one of spot, on_demand"),
        ("stores.replica_urls", "s3://a", "it must be a list"),
        ("expires_at", "tomorrow", "it must be an instant with its zone"),
        ("expires_at", "2026-01-31T12:00:00", "it must be an instant with its zone"),
        ("nodes.count", 99, "99 nodes, outside its own range of 8 to 8"),
        ("run_id", "", "names no run_id"),
        ("run_id", "\ud800", "printable"),
        ("provenance", [], "plan.provenance is list"),
    ],
)
def test_a_wrong_value_is_refused_by_name(example, path, value, words):
    *parents, last = path.split(".")
    part = example
    for name in parents:
        part = part[name]
    part[last] = value
    with pytest.raises(PlanError) as refusal:
        read(example)
    assert words in refusal.value.seen
    assert refusal.value.fix
    assert refusal.value.exit_code == 2


def test_an_unknown_field_is_refused_with_the_known_ones(example):
    example["checkpoint"]["full_evry_s"] = 60
    with pytest.raises(PlanError, match=r"plan.checkpoint has the unknown field 'full_evry_s'.*full_every_s"):
        read(example)


def test_a_missing_field_is_refused(example):
    del example["notice"]["assumed_s"]
    with pytest.raises(PlanError, match=r"plan.notice lacks the field 'assumed_s'"):
        read(example)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'"plan"', b"\xff", b'{"a": NaN}', b"[" * 100_000, b" " * (2 << 20)]
)
def test_bytes_that_are_no_plan_are_refused_without_a_traceback(raw):
    with pytest.raises(PlanError):
        Plan.read(raw)


def test_an_absent_file_is_refused_by_its_name(tmp_path):
    with pytest.raises(PlanError, match=r"absent.json cannot be read: No such file"):
        Plan.read(tmp_path / "absent.json")


def test_the_doors_load_the_standard_library_alone():
    program = (
        "import sys, trainer.plan, trainer.runlog\n"
        "print(sorted({'torch', 'numpy', 'blake3', 'http.client'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def read_with(example, tmp_path, **stores):
    example["stores"] |= stores
    (tmp_path / "plan.json").write_text(json.dumps(example))
    return Plan.read(tmp_path / "plan.json").stores


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("/data/run", "/data/run"),
        ("run", "run"),
        ("file:///data/my%20run", "/data/my run"),
        ("~/run", "/home/somebody/run"),
    ],
)
def test_the_folder_of_a_plan_is_a_plain_path(example, tmp_path, monkeypatch, written, plain):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert read_with(example, tmp_path, local_dir=written).local_dir == plain


def test_a_bucket_for_a_folder_and_an_empty_replica_are_refused(example, tmp_path):
    with pytest.raises(PlanError, match="s3://bucket/run; it must be a folder of this machine"):
        read_with(example, tmp_path, local_dir="s3://bucket/run")
    with pytest.raises(PlanError, match="replica_urls has an empty address"):
        read_with(example, tmp_path, local_dir="run", replica_urls=[""])
