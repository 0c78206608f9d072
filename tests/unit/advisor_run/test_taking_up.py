"""A launcher that dies is followed by another: nothing is trained twice, billed for ever, or lost."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import datetime

import pytest
from launcher_kit import FakeService, Impatient

from advisor.cloud import LocalCloud
from advisor.room import Room
from model.errors import EnvironmentTrouble, ImpossibleInput
from trainer.runlog import phase_path, read_phase, read_spool

PATIENCE_S = 30


@pytest.fixture
def died(launch, tmp_path):
    """Kill a launcher, SIGKILL, while its trainer waits after step 6; the newest checkpoint is of step 4."""

    def die(*options):
        child = os.fork()
        if child == 0:
            launch(FakeService(), LocalCloud(), "--hold", "6", *options).run("rec-1")
            os._exit(0)
        until = time.monotonic() + PATIENCE_S
        while read_phase(phase_path(tmp_path / "spool", 1, "0"))[1] < 6:
            assert time.monotonic() < until, "step 6 was not reached"
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return Service(tmp_path)

    return die


class Service(FakeService):
    """The service as the next launcher finds it: attempt 1 was issued, its events may not have come."""

    def __init__(self, room):
        super().__init__()
        self.attempt = 1
        self.opened = {"stores": {"local_dir": str((room / "checkpoints").resolve())}}


def of_launcher(room, attempt):
    return read_spool(room / "spool" / f"attempt-{attempt}-node-launcher.jsonl")


def test_a_run_whose_launcher_was_killed_goes_on_from_its_newest_checkpoint(launch, died, tmp_path):
    service = died()
    outcome = launch(service, LocalCloud()).take_up()
    assert (outcome.run_id, outcome.weights_sha256) == ("run-1", "weights after 20")
    assert [end.reason for end in outcome.ends] == ["failed", "done"]
    restored = [event["step"] for event in service.events.values() if event["event"] == "restored"]
    assert restored == [4]
    # The machine went with its launcher and was not taken: no pool is named as lost.
    assert [(asked["attempt"], asked["lost_pool_id"]) for asked in service.asked] == [(1, None)]


def test_what_the_dead_launcher_had_not_sent_is_sent_and_its_bill_ends_at_the_last_sign_of_life(
    launch, died, tmp_path
):
    service = died()
    seen_at = Room(tmp_path).last_seen(1, "0")
    launch(service, LocalCloud()).take_up()
    assert [event["event"] for event in of_launcher(tmp_path, 1)] == ["waiting", "started", "ended"]
    started, ended = of_launcher(tmp_path, 1)[1:]
    assert (ended["reason"], ended["exit_code"], ended["step"]) == ("failed", -9, 6)
    assert datetime.fromisoformat(ended["at"]) == seen_at > datetime.fromisoformat(started["at"])
    for attempt in (1, 2):
        for node in ("0", "launcher"):
            spool = read_spool(tmp_path / "spool" / f"attempt-{attempt}-node-{node}.jsonl")
            assert all(service.events[attempt, node, event["seq"]] == event for event in spool)


def test_a_second_death_is_survived_as_the_first_and_the_run_tells_both(launch, died, tmp_path):
    service = died()

    class Deadly(LocalCloud):
        def request(self, key, at):
            os._exit(9)

    child = os.fork()
    if child == 0:
        launch(service, Deadly()).take_up()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    service.attempt = 2  # Issued to the second launcher, which never began it.
    outcome = launch(service, LocalCloud()).take_up()
    assert [(end.offer.attempt, end.reason) for end in outcome.ends] == [(1, "failed"), (3, "done")]
    assert [event["event"] for event in of_launcher(tmp_path, 1)].count("ended") == 1


def test_a_run_whose_trainer_was_done_before_its_launcher_noticed_is_done(launch, tmp_path):
    service = FakeService()
    launch(service, LocalCloud()).run("rec-1")
    spool = tmp_path / "spool" / "attempt-1-node-launcher.jsonl"
    spool.write_text("".join(line + "\n" for line in spool.read_text().splitlines()[:-1]))  # No `ended`.
    outcome = launch(service, LocalCloud()).take_up()
    assert [(end.reason, end.exit_code) for end in outcome.ends] == [("done", 0)]
    assert of_launcher(tmp_path, 1)[-1]["weights_sha256"] == "weights after 20"
    assert service.asked == []


def test_a_run_that_was_stopped_by_hand_goes_on(launch, tmp_path):
    service = FakeService()
    with pytest.raises(KeyboardInterrupt):
        launch(service, Impatient(), "--hold", "6").run("rec-1")
    outcome = launch(service, LocalCloud()).take_up()
    assert [end.reason for end in outcome.ends] == ["stopped", "done"]
    assert [event["step"] for event in service.events.values() if event["event"] == "restored"] == [6]


def test_while_a_launcher_is_at_work_another_is_refused_and_told_by_whom(launch, tmp_path):
    room = Room(tmp_path)
    with room.held(), pytest.raises(EnvironmentTrouble, match=f"Process {os.getpid()} is at work"):
        launch(FakeService(), LocalCloud()).take_up()


def test_a_room_without_a_run_and_one_that_was_moved_are_refused_in_words(launch, died, tmp_path):
    with pytest.raises(ImpossibleInput, match="holds no run that was begun"):
        launch(FakeService(), LocalCloud()).take_up()
    died()
    plan = tmp_path / "plans" / "attempt-1.json"
    told = json.loads(plan.read_text())
    elsewhere = tmp_path.parent / "elsewhere"
    plan.write_text(json.dumps(told | {"stores": told["stores"] | {"local_dir": str(elsewhere)}}))
    with pytest.raises(ImpossibleInput, match=r"are to be in .*elsewhere"):
        launch(Service(tmp_path), LocalCloud()).take_up()
