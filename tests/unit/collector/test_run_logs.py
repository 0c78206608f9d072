"""Run logs as market data: lives with their ends, measured overheads, and nothing of anybody's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from collector.ingest import ingest
from collector.sources.recorded import open_recorded
from collector.sources.runlog import run_batch
from collector.store import Store
from model.market import Pool
from trainer.runlog import RunLog, environment, read_spool

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)
POOL = "gcp/us-central1/us-central1-a/a3-highgpu-8g/spot"
RUN = "alice@example.com-llm"


class Spool:
    """Writes run logs with the trainer's own writer, at instants given in seconds after T0."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._at = T0
        self._logs: dict[tuple[int, str], RunLog] = {}

    def say(self, at_s: float, node: str, event: str, *, attempt: int = 1, **fields: Any) -> None:
        self._at = T0 + timedelta(seconds=at_s)
        key = (attempt, node)
        if key not in self._logs:
            self._logs[key] = RunLog(self.folder, RUN, attempt, node, clock=lambda: self._at)
        self._logs[key].write(event, **fields)

    def started(self, at_s: float, node: str, *, attempt: int = 1, pool: str = POOL) -> None:
        where = {"pool_id": pool, "environment": environment(), "pid": 1, "world_size": 1}
        self.say(at_s, node, "started", attempt=attempt, **where)

    def step(self, at_s: float, number: int, *, node: str = "0", attempt: int = 1) -> None:
        self.say(at_s, node, "step", attempt=attempt, step=number, seconds=10.0, tokens=1, loss=None)

    def preempted(self, at_s: float, *, attempt: int = 1) -> None:
        how = {"with_notice": False, "signal": "SIGKILL", "phase": "step", "pool_id": POOL}
        self.say(at_s, "launcher", "preempted", attempt=attempt, **how)
        self.ended(at_s, "launcher", "preempted", attempt=attempt)

    def ended(self, at_s: float, node: str, reason: str, *, attempt: int = 1) -> None:
        self.say(at_s, node, "ended", attempt=attempt, reason=reason, exit_code=75)

    def events(self) -> list[dict[str, Any]]:
        return [event for path in sorted(self.folder.glob("*.jsonl")) for event in read_spool(path)]


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


def lives(batch) -> list[tuple[float, float | None, str | None]]:
    """Began and ended in seconds after T0, and the cause, of each machine as it was seen last."""
    last = batch.tenures.sort_values("observed_at").groupby("instance_ref").tail(1).sort_values("ended_at")
    since = [(frame - pd.Timestamp(T0)).dt.total_seconds() for frame in (last["began_at"], last["ended_at"])]
    causes = [None if pd.isna(cause) else cause for cause in last["end_cause"]]
    return [(a, None if pd.isna(b) else b, c) for a, b, c in zip(*since, causes, strict=True)]


def test_a_machine_lives_from_the_launchers_start_to_its_preemption(spool):
    spool.say(0, "launcher", "waiting", seconds=30.0, reason="until a machine")
    spool.started(30, "launcher")
    spool.started(45, "0")
    spool.step(100, 1)
    spool.preempted(120)
    assert lives(run_batch(spool.events())) == [(30.0, 120.0, "preempted")]


@pytest.mark.parametrize(
    ("reason", "cause"), [("done", "stopped"), ("stopped", "stopped"), ("failed", "failed")]
)
def test_an_end_of_our_own_is_no_preemption(spool, reason, cause):
    spool.started(0, "launcher")
    spool.step(60, 1)
    spool.ended(70, "launcher", reason)
    assert lives(run_batch(spool.events())) == [(0.0, 70.0, cause)]


def test_a_machine_that_nobody_saw_end_is_censored_where_it_was_last_heard(spool):
    spool.started(0, "launcher")
    spool.step(60, 1)
    batch = run_batch(spool.events())
    assert lives(batch) == [(0.0, None, None)]
    assert batch.tenures["observed_at"].max() == pd.Timestamp(T0 + timedelta(seconds=60))


def test_a_node_alone_is_believed_where_there_is_no_launcher(spool):
    spool.started(5, "0")
    spool.ended(65, "0", "failed")
    assert lives(run_batch(spool.events())) == [(5.0, 65.0, "failed")]


def test_a_machine_that_only_the_launcher_speaks_of_has_lived_too(spool):
    spool.started(0, "launcher")
    spool.preempted(20)  # Before the trainer came up.
    assert lives(run_batch(spool.events())) == [(0.0, 20.0, "preempted")]


def test_a_gang_that_loses_a_machine_has_one_preemption_and_not_one_per_node(spool):
    spool.started(0, "launcher")
    for node in ("0", "1", "2"):
        spool.step(50, 1, node=node)
    spool.step(60, 2, node="0")
    spool.step(60, 2, node="2")
    spool.preempted(90)
    # Node 1 fell silent at 50 s, the others at 60 s.
    causes = sorted(cause for _, _, cause in lives(run_batch(spool.events())))
    assert causes == ["preempted", "stopped", "stopped"]


def test_the_first_node_of_a_gang_to_be_warned_is_the_one_that_was_taken(spool):
    spool.started(0, "launcher")
    spool.step(10, 1, node="0")
    spool.say(40, "1", "notice", source="file", assumed_s=30.0)
    spool.say(45, "0", "notice", source="SIGTERM", assumed_s=30.0)  # The launcher stops the rest.
    spool.preempted(70)
    batch = run_batch(spool.events())
    alone = run_batch([e for e in spool.events() if e["node"] != "0"])
    taken = batch.tenures[batch.tenures["end_cause"] == "preempted"]["instance_ref"]
    assert set(taken) == set(alone.tenures["instance_ref"])


def test_a_life_of_two_hours_is_seen_about_hourly_so_that_no_backtest_sees_its_end(spool):
    spool.started(0, "launcher")
    for number, at_s in enumerate(range(600, 7800, 600), start=1):
        spool.step(at_s, number)
    spool.preempted(7800)
    seen = run_batch(spool.events()).tenures
    after_s = (seen["observed_at"] - pd.Timestamp(T0)).dt.total_seconds()
    assert after_s.tolist() == [0, 3600, 7200, 7800]
    assert seen["ended_at"].notna().tolist() == [False, False, False, True]


def overheads(batch) -> dict[str, tuple[float, int | None]]:
    return {
        row.what: (row.seconds, None if pd.isna(row.bytes) else int(row.bytes))
        for row in batch.overheads.itertuples()
    }


def test_overheads_are_what_the_log_measured(spool):
    sha = "0" * 64
    spool.say(0, "launcher", "waiting", attempt=2, seconds=300.0, reason="until a machine")
    spool.started(0, "launcher", attempt=2)
    restored = {
        "step": 7,
        "generation": 1,
        "sha256": sha,
        "seconds": 20.0,
        "bytes": 500,
        "from_url": "s3://b",
    }
    spool.say(50, "0", "restored", attempt=2, **restored)
    spool.step(90, 8, attempt=2)  # Took 10 s, so it began at 80 s.
    spool.say(95, "0", "captured", attempt=2, step=8, seconds=2.5, bytes=400, tier="F")
    committed = {
        "step": 8, "generation": 2, "epoch": 2, "manifest_url": "s3://b/m", "sha256": sha, "tier": "F",
        "exact": True, "bytes": 400, "seconds": 12.0,
    }  # fmt: skip
    spool.say(107, "0", "committed", attempt=2, **committed)
    assert overheads(run_batch(spool.events())) == {
        "wait": (300.0, None),
        "restore": (20.0, 500),
        "restart": (80.0, None),
        "pause": (2.5, 400),
        "upload": (12.0, 400),
    }


def test_a_first_start_is_no_restart_and_one_without_a_step_is_unknown(spool):
    spool.started(0, "launcher")
    spool.step(60, 1)
    spool.started(100, "launcher", attempt=2)
    assert run_batch(spool.events()).overheads is None


def test_an_attempt_without_a_pool_takes_the_callers_or_is_turned_away(spool):
    spool.step(60, 1)
    assert run_batch(spool.events()).rejected["reason"].tolist() == ["pool of the attempt is unknown"]
    told = run_batch(spool.events(), pools={(RUN, 1): POOL})
    assert set(told.tenures["pool_id"]) == {POOL}


def test_the_logs_own_pool_comes_before_the_callers(spool):
    spool.started(0, "launcher")
    other = POOL.replace("spot", "on_demand")
    assert set(run_batch(spool.events(), pools={(RUN, 1): other}).tenures["pool_id"]) == {POOL}


def test_neither_a_tenure_nor_a_rejected_event_shows_who_ran_it(spool):
    spool.started(0, "launcher")
    spool.step(10, 1, node="alices-laptop")
    batch = run_batch([*spool.events(), {"run_id": RUN, "note": "by alice"}])
    assert "alice" not in batch.tenures.to_string()
    assert batch.tenures["instance_ref"].str.fullmatch(r"run-[0-9a-f]{20}").all()
    assert batch.rejected["reason"].tolist() == ["no run event"]
    assert "by alice" not in batch.rejected["content"][0]


def test_events_in_any_order_and_twice_give_the_same_facts(spool):
    spool.started(0, "launcher")
    spool.step(60, 1)
    spool.preempted(90)
    events = spool.events()
    one, other = run_batch(events), run_batch([*reversed(events), *events])
    pd.testing.assert_frame_equal(one.tenures, other.tenures)
    assert len(other.rejected) == 0


def test_two_events_of_one_key_are_a_conflict(spool):
    spool.started(0, "launcher")
    spool.step(60, 1)
    events = spool.events()
    forged = {**events[-1], "seq": events[0]["seq"], "node": events[0]["node"]}
    assert run_batch([*events, forged]).rejected["reason"].tolist() == ["conflicting event"]


def test_a_folder_of_spools_is_one_source_and_the_launchers_word_ends_the_nodes(spool):
    spool.started(0, "launcher")
    spool.started(5, "0")
    spool.preempted(90)
    (source,) = open_recorded(spool.folder)
    (batch,) = source.batches()
    assert lives(batch) == [(0.0, 90.0, "preempted")]
    (alone,) = open_recorded(spool.folder / "attempt-1-node-0.jsonl")
    assert lives(next(alone.batches())) == [(0.0, 90.0, "preempted")]


def test_a_torn_line_was_never_an_event(spool):
    spool.started(0, "launcher")
    path = spool.folder / "attempt-1-node-launcher.jsonl"
    path.write_bytes(path.read_bytes() + b'{"schema_version":1,"run_id":"al')
    assert lives(run_batch(spool.events())) == [(0.0, None, None)]


def test_run_logs_are_stored_once_and_become_tenures_of_their_pool(spool):
    spool.started(0, "launcher", attempt=2)
    spool.step(60, 1, attempt=2)
    spool.preempted(90, attempt=2)
    (source,) = open_recorded(spool.folder)
    now = T0 + timedelta(days=1)
    with Store.open(None, clock=lambda: now) as store:
        assert ingest(store, source).rows_new == 3  # Two sightings and a restart.
        assert ingest(store, source).rows_new == 0
        assert store.verify() == []
        (tenure,) = store.tenures(Pool.parse(POOL), from_at=T0, until_at=now, as_of=now)
        with store.transaction() as cursor:
            (restart,) = cursor.sql("SELECT what, seconds FROM run_overhead").fetchall()
    assert (tenure.began_at, tenure.ended_at) == (T0, T0 + timedelta(seconds=90))
    assert restart == ("restart", 50.0)  # The step that was over at 60 s took 10 s.


def test_an_overhead_of_less_than_no_time_is_turned_away(spool):
    spool.started(100, "launcher", attempt=2)
    spool.step(60, 1, attempt=2)  # The node's clock is behind the launcher's.
    (source,) = open_recorded(spool.folder)
    with Store.open(None, clock=lambda: T0 + timedelta(days=1)) as store:
        assert "seconds are no time" in ingest(store, source).reasons
