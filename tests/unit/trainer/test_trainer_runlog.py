"""A run log keeps what was said, whatever happened to who said it."""

from __future__ import annotations

import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from trainer.runlog import (
    EventError,
    Phase,
    RunLog,
    environment,
    event_schema,
    read_phase,
    read_spool,
    validate_event,
)

ROOM = Path(__file__).parents[3] / "trainer"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ONE_OF_EACH = {
    "started": {"pool_id": "a/b/c/d/spot", "environment": environment(), "world_size": 1, "pid": 7},
    "planned": {"steps": 300},
    "step": {"step": 1, "seconds": 0.03, "loss": 2.5, "tokens": 256},
    "captured": {"step": 1, "seconds": 0.02, "bytes": 10, "tier": "F"},
    "committed": {
        "step": 1, "generation": 1, "epoch": 1, "manifest_url": "file:///m", "sha256": "ab", "tier": "F",
        "exact": True, "bytes": 10, "seconds": 0.02,
    },
    "coded": {"step": 1, "codec": "s4z", "ratio": 1.2, "reason": "The uplink is slow."},
    "replicated": {"generation": 1, "url": "s3://a/m", "seconds": 3, "bytes": 10},
    "notice": {"source": "SIGTERM", "assumed_s": 0.0},
    "restored": {"step": 1, "generation": 1, "sha256": "ab", "seconds": 0.1, "bytes": 10, "from_url": "file:///m"},
    "waiting": {"seconds": 60.0, "reason": "no capacity"},
    "preempted": {"with_notice": False, "signal": "SIGKILL", "phase": "save", "pool_id": "a/b/c/d/spot"},
    "ended": {"reason": "done", "exit_code": 0, "step": 1, "weights_sha256": "ab"},
}  # fmt: skip


@pytest.fixture
def log(tmp_path):
    return RunLog(tmp_path, "run-1", 3, "0", clock=lambda: NOON)


def test_every_kind_of_event_is_written_read_back_and_fits_the_schema(log):
    written = [log.write(kind, **fields) for kind, fields in ONE_OF_EACH.items()]
    assert read_spool(log.path) == written
    for event in written:
        jsonschema.validate(event, event_schema())
    assert log.path.name == "attempt-3-node-0.jsonl"


def test_an_event_carries_its_key_and_the_wall_time_in_utc(log):
    event = log.write("notice", source="file", assumed_s=20)
    assert (event["run_id"], event["attempt"], event["node"], event["seq"]) == ("run-1", 3, "0", 1)
    assert event["at"] == "2026-01-31T12:00:00.000000Z"


def test_the_schema_beside_the_module_is_the_generated_one():
    stored = json.loads((ROOM / "runlog.schema.json").read_text())
    assert stored == event_schema(), "run: python -m trainer.runlog --schema > trainer/runlog.schema.json"


def test_what_may_be_unknown_may_be_left_out_and_is_null(log):
    assert log.write("ended", reason="failed", exit_code=1)["weights_sha256"] is None
    assert log.write("step", step=1, seconds=1, tokens=0, loss=math.nan)["loss"] is None


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("step", {"step": 0}, "step.step is 0; the least is 1"),
        ("step", {"seconds": -1.0}, "the least is 0"),
        ("step", {"mood": "good"}, "unknown field 'mood'"),
        ("ended", {"reason": "bored"}, "it must be one of done"),
        ("notice", {"assumed_s": None}, "notice.assumed_s is null"),
        ("dance", {}, "There is no event 'dance'"),
    ],
)
def test_an_event_of_another_shape_is_refused_and_not_written(log, kind, change, words):
    with pytest.raises(EventError) as refusal:
        log.write(kind, **{**ONE_OF_EACH.get(kind, {}), **change})
    assert words in refusal.value.seen
    assert read_spool(log.path) == []


@pytest.mark.parametrize(
    "value", [None, [], {}, {"schema_version": 2}, {"schema_version": 1, "event": "step"}]
)
def test_what_is_no_event_is_refused(value):
    with pytest.raises(EventError):
        validate_event(value)


@pytest.mark.parametrize("at", ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000000", "noon"])
def test_an_instant_of_another_form_is_refused(log, at):
    event = log.write("notice", source="file", assumed_s=0)
    with pytest.raises(EventError, match="Write it as"):
        validate_event({**event, "at": at})


def test_a_torn_last_line_was_never_an_event(log):
    log.write("notice", source="file", assumed_s=0)
    with open(log.path, "ab") as file:
        file.write(b'{"schema_version":1,"run_id":"ru')
    assert [event["seq"] for event in read_spool(log.path)] == [1]


def test_a_process_that_comes_after_goes_on_counting_behind_the_torn_line(log, tmp_path):
    log.write("notice", source="file", assumed_s=0)
    with open(log.path, "ab") as file:
        file.write(b'{"schema_version":1,"run_id":"ru')
    RunLog(tmp_path, "run-1", 3, "0").write("notice", source="file", assumed_s=0)
    assert [event["seq"] for event in read_spool(log.path)] == [1, 2]


def test_a_line_torn_by_a_full_disk_does_not_hide_those_behind_it(log):
    log.write("notice", source="file", assumed_s=0)
    with open(log.path, "ab") as file:
        file.write(b'{"schema_ver\n')
    log.write("notice", source="file", assumed_s=0)
    assert [event["seq"] for event in read_spool(log.path)] == [1, 2]


def test_no_spool_has_no_events(tmp_path):
    assert read_spool(tmp_path / "absent.jsonl") == []


def test_the_phase_word_is_there_for_others_at_once(tmp_path):
    path = tmp_path / "a.phase"
    assert read_phase(path) == ("boot", 0)
    phase = Phase(path)
    assert read_phase(path) == ("boot", 0)
    phase.set("save", 1_000_000)
    assert read_phase(path) == ("save", 1_000_000)


def test_the_phase_word_outlives_a_killed_process(tmp_path):
    path = tmp_path / "a.phase"
    child = os.fork()
    if child == 0:
        Phase(path).set("step", 41)
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert read_phase(path) == ("step", 41)
