"""A finished attempt becomes evidence: lives and overheads of wall-clock runs, and of no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from advisor import evidence
from advisor.client import Client
from advisor.serving import open_service
from collector.collect import collect_recorded
from collector.database import StoreFull
from collector.ingest import ingest
from model.market import Pool
from trainer.runlog import RunLog, environment

NOW = datetime(2023, 3, 1, tzinfo=UTC)
EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"
YEAR = {"from_at": NOW, "until_at": NOW + timedelta(days=1), "as_of": NOW + timedelta(days=1)}


@dataclass
class World:
    """A service whose clock is set by hand, an opened run, and the spools of its machines."""

    service: Any
    client: Client
    folder: Any
    spec: dict[str, Any]
    at: datetime = NOW
    run_id: str = ""
    logs: Any = None

    def open(self, *, compression: float | None = None) -> World:
        found = self.client.recommend(self.spec, draws=400, as_of=NOW)
        clock = None
        if compression:
            clock = {"market_origin_at": NOW.isoformat(), "wall_origin_at": NOW.isoformat()}
            clock["compression"] = compression
        stores = {"local_dir": "/tmp/checkpoints"}
        opened = self.client.open_run(found["recommendation_id"], rank=1, stores=stores, clock=clock)
        self.run_id, self.logs = opened["run_id"], {}
        return self

    def say(
        self, after_s: float, node: str, event: str, *, attempt: int = 1, **fields: Any
    ) -> dict[str, Any]:
        """Write an event to a spool with the trainer's own writer, and return it."""
        self.at = NOW + timedelta(seconds=after_s)
        if (attempt, node) not in self.logs:
            where = self.folder / self.run_id
            self.logs[attempt, node] = RunLog(where, self.run_id, attempt, node, clock=lambda: self.at)
        return self.logs[attempt, node].write(event, **fields)

    def began(self, attempt: int = 1, after_s: float = 0) -> list[dict[str, Any]]:
        """A machine is obtained, restores, steps and saves."""
        where = {"pool_id": EAST, "environment": environment(), "pid": 1, "world_size": 1}
        saved = {"step": attempt, "bytes": 4000, "tier": "F"}
        return [
            self.say(after_s, "launcher", "started", attempt=attempt, **where),
            self.say(
                after_s + 90, "0", "step", attempt=attempt, step=attempt, seconds=30.0, tokens=1, loss=None
            ),
            self.say(after_s + 95, "0", "captured", attempt=attempt, seconds=5.0, **saved),
        ]

    def lost(self, after_s: float, attempt: int = 1) -> list[dict[str, Any]]:
        how = {"with_notice": False, "signal": "SIGKILL", "phase": "step", "pool_id": EAST}
        return [
            self.say(after_s, "launcher", "preempted", attempt=attempt, **how),
            self.say(after_s, "launcher", "ended", attempt=attempt, reason="preempted", exit_code=-9),
        ]

    def send(self, *events: dict[str, Any]) -> dict[str, Any]:
        told = self.client.append_events(self.run_id, events)
        assert told["rejected"] == []
        return told

    def lives(self) -> list[Any]:
        return self.service.store.tenures(Pool.parse(EAST), **YEAR)


@pytest.fixture
def world(hand_made, spec, http_of, tmp_path) -> Iterator[World]:
    hold = SimpleNamespace(at=NOW)
    with open_service(None, clock=lambda: hold.world.at if hasattr(hold, "world") else NOW) as service:
        ingest(service.store, hand_made)
        with http_of(service) as http:
            hold.world = World(service, Client("http://testserver", http=http), tmp_path, spec)
            yield hold.world


pytestmark = pytest.mark.filterwarnings("ignore:You should not use the 'timeout' argument")


def test_an_attempt_that_ended_becomes_a_life_and_its_overheads_become_figures(world):
    world.open()
    assert world.send(*world.began())["evidence"] is None  # It goes on.
    told = world.send(*world.lost(3600))
    # By hand: seen alive at 0 s, ended at 3600 s; one pause. A first start restarts nothing.
    assert told["evidence"] == {"taken": True, "source_id": "run-logs", "rows_new": 3, "why": None}
    (life,) = world.lives()
    assert (life.began_at, life.ended_at, life.end_cause) == (NOW, NOW + timedelta(hours=1), "preempted")
    sources = {source["source_id"]: source for source in world.client.quality()["sources"]}
    assert sources["run-logs"]["kind"] == "recorded"


def test_telling_it_again_or_reading_the_spools_adds_nothing(world):
    world.open()
    events = [*world.began(), *world.lost(3600)]
    world.send(*events)
    assert world.send(*events)["evidence"]["rows_new"] == 0
    (report, _) = collect_recorded(world.service.store, world.folder / world.run_id)
    assert (report.source_id, report.rows_new) == ("run-logs", 0)
    assert len(world.lives()) == 1


def test_a_life_of_ours_counts_in_the_hazard_of_its_pool(world):
    world.open()
    world.send(*world.began(), *world.lost(3600))
    history = world.service.store.pool_history(
        Pool.parse(EAST), as_of=YEAR["as_of"], window=timedelta(days=30)
    )
    assert (history.tenure_preemptions, history.tenure_exposure_hours) == (1, 1.0)
    assert "run-logs" in history.sources


def test_a_node_that_ends_before_the_launchers_word_is_waited_for(world):
    world.open()
    own = world.say(3590, "0", "ended", reason="stopped", exit_code=75)
    assert world.send(*world.began(), own)["evidence"] is None
    world.send(*world.lost(3600))
    assert [life.end_cause for life in world.lives()] == ["preempted"]


def test_a_run_on_a_market_clock_is_kept_out_and_the_answer_says_so(world):
    world.open(compression=60.0)
    told = world.send(*world.began(), *world.lost(3600))
    assert told["accepted"] == 5
    assert told["evidence"]["taken"] is False
    assert "no evidence of the market" in told["evidence"]["why"]
    assert world.lives() == []
    assert world.client.overheads()["overheads"] == []


def test_what_a_run_on_a_synthetic_market_says_never_passes_for_recorded(world, hand_made):
    hand_made.kind, hand_made.source_id = "synthetic", "made-up"
    ingest(world.service.store, hand_made)
    world.open()
    told = world.send(*world.began(), *world.lost(3600))["evidence"]
    assert told["source_id"] == "run-logs-synthetic"
    kinds = {source["source_id"]: source["kind"] for source in world.client.quality()["sources"]}
    assert kinds["run-logs-synthetic"] == "synthetic"
    assert "run-logs" not in kinds
    measured = world.client.overheads()
    assert {each["kind"] for each in measured["overheads"]} == {"synthetic"}
    assert measured["synthetic"] is True


def test_trouble_with_the_evidence_costs_no_event_and_the_next_telling_makes_up_for_it(world, monkeypatch):
    def full(*_):
        raise StoreFull("Writing failed; the batch was rolled back.", fix="Free disk space.")

    world.open()
    events = [*world.began(), *world.lost(3600)]
    with monkeypatch.context() as broken:
        broken.setattr(evidence, "ingest", full)
        told = world.send(*events)
    assert told["accepted"] == 5
    assert (told["evidence"]["taken"], "rolled back" in told["evidence"]["why"]) == (False, True)
    assert world.send(*events)["evidence"]["rows_new"] == 3


def test_overheads_are_told_per_machine_with_their_median_and_p90(world):
    world.open()
    world.send(*world.began(), *world.lost(3600))
    world.client.next_pool(world.run_id, attempt=1, lost_pool_id=EAST, as_of=NOW)
    world.send(*world.began(2, 4000), *world.lost(7200, 2))
    measured = {each["what"]: each for each in world.client.overheads()["overheads"]}
    # By hand: pauses of 5 s and 5 s. The second machine came at 4000 s and its step began at 4060 s.
    pause, restart = measured["pause"], measured["restart"]
    assert (pause["provider"], pause["sku"], pause["kind"]) == ("aws", "p3.2xlarge", "recorded")
    assert (pause["count"], pause["median_s"], pause["p90_s"], pause["bytes"]) == (2, 5.0, 5.0, 4000)
    assert (restart["count"], restart["median_s"], restart["bytes"]) == (1, 60.0, None)


def test_overheads_as_of_an_earlier_instant_hold_nothing_later(world):
    world.open()
    world.send(*world.began(), *world.lost(3600))
    assert world.client.overheads(as_of=NOW + timedelta(seconds=94))["overheads"] == []
    assert len(world.client.overheads(as_of=NOW + timedelta(seconds=95))["overheads"]) == 1
