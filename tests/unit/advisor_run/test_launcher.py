"""The launcher brings a run to its end through real processes that die, and loses no event."""

from __future__ import annotations

import json
import signal

import pytest
from launcher_kit import START, FakeCloud, FakeService, Impatient

from advisor.cloud import LocalCloud
from model.errors import CheckFailed, EnvironmentTrouble
from trainer.runlog import read_spool


def test_a_run_without_losses_is_one_attempt(launch, tmp_path):
    service = FakeService()
    outcome = launch(service, LocalCloud()).run("rec-1")
    assert (outcome.weights_sha256, len(outcome.ends)) == ("weights after 20", 1)
    assert [event["event"] for event in service.of_launcher()] == ["waiting", "started", "ended"]
    assert service.of_launcher("ended")[0]["reason"] == "done"
    assert json.loads((tmp_path / "plan.json").read_text())["attempt"] == 1
    assert service.asked == []


def test_a_run_survives_a_kill_and_a_notice_and_says_so(launch):
    service, cloud = FakeService(), FakeCloud((6, signal.SIGKILL), (9, signal.SIGTERM))
    outcome = launch(service, cloud, "--hold", "6,9").run("rec-1")
    assert outcome.weights_sha256 == "weights after 20"
    assert [end.reason for end in outcome.ends] == ["preempted", "preempted", "done"]
    lost = service.of_launcher("preempted")
    assert [(event["signal"], event["with_notice"]) for event in lost] == [
        ("SIGKILL", False),
        ("SIGTERM", True),
    ]
    # The killed one had saved after step 4 of its 6; the one with notice saved where it stood.
    restored = [event["step"] for event in service.events.values() if event["event"] == "restored"]
    assert restored[0] == 4
    assert restored[1] == 9
    assert [event["exit_code"] for event in service.of_launcher("ended")] == [-9, 75, 0]


def test_a_machine_that_dies_while_its_strike_is_being_told_counts_as_lost(launch):
    class Sudden(FakeCloud):
        """Sends the signal and waits until the process is gone before it returns nothing."""

        def tend(self, lease, machine, at):
            told = super().tend(lease, machine, at)
            while self.sent and machine.poll() is None:
                pass
            return told

    outcome = launch(FakeService(), Sudden((6, signal.SIGKILL)), "--hold", "6").run("rec-1")
    assert [end.reason for end in outcome.ends] == ["preempted", "done"]


def test_the_pool_that_was_lost_is_named_when_asking_for_the_next(launch):
    service = FakeService()
    launch(service, FakeCloud((6, signal.SIGKILL)), "--hold", "6").run("rec-1")
    assert [(asked["lost_pool_id"], asked["attempt"]) for asked in service.asked] == [
        (service.of_launcher("preempted")[0]["pool_id"], 1)
    ]
    # As of market time: the run has passed under an hour of real time at 600x, well after its start.
    assert service.asked[0]["as_of"] > START


def test_a_stop_on_purpose_is_no_loss(launch):
    service = FakeService()
    outcome = launch(service, LocalCloud(), "--behave", "stop").run("rec-1")
    assert [end.reason for end in outcome.ends] == ["stopped", "done"]
    assert service.asked[0]["lost_pool_id"] is None
    assert service.of_launcher("preempted") == []


def test_a_pool_without_capacity_is_named_unavailable(launch):
    service = FakeService()
    outcome = launch(service, FakeCloud(refuse=2)).run("rec-1")
    assert [len(asked["unavailable"]) for asked in service.asked] == [1, 2]
    assert outcome.ends[0].offer.attempt == 3


def test_waiting_is_waited_out_and_written_down(launch):
    service = FakeService(wait_first=True)
    seen = launch
    launch(service, FakeCloud((6, signal.SIGKILL)), "--hold", "6").run("rec-1")
    assert len(service.asked) == 2
    assert [event["attempt"] for event in service.of_launcher("waiting")] == [1, 2]
    assert any(situation.pool_id is None and situation.phase == "wait" for situation in seen.seen)


def test_an_absent_service_loses_no_event(launch):
    service = FakeService(absent=4)
    launch(service, FakeCloud((6, signal.SIGKILL)), "--hold", "6").run("rec-1")
    assert service.absent == 0
    kinds = {event["event"] for event in service.events.values()}
    assert kinds == {"waiting", "started", "step", "committed", "restored", "preempted", "ended"}


def test_a_service_that_stays_away_ends_the_patience_in_one_sentence(launch, tmp_path):
    service = FakeService(absent=10**6)
    with pytest.raises(EnvironmentTrouble, match=r"stayed away for \d+ s: It is away"):
        launch(service, LocalCloud(), patience_s=0.5).run("rec-1")
    assert read_spool(tmp_path / "spool" / "attempt-1-node-launcher.jsonl")[-1]["event"] == "ended"


def test_three_failures_without_a_step_stop_the_run_and_quote_the_trainer(launch):
    service = FakeService()
    with pytest.raises(EnvironmentTrouble, match="failed 3 times in a row") as stopped:
        launch(service, LocalCloud(), "--behave", "crash").run("rec-1")
    assert "told to crash" in stopped.value.seen
    assert [event["reason"] for event in service.of_launcher("ended")] == ["failed"] * 3


def test_no_valid_checkpoint_stops_the_run_at_once(launch):
    service = FakeService()
    with pytest.raises(CheckFailed, match="exit 5"):
        launch(service, LocalCloud(), "--behave", "invalid").run("rec-1")
    assert len(service.of_launcher("ended")) == 1


def test_ctrl_c_lets_the_trainer_save_and_ends_the_attempt_on_paper(launch, tmp_path):
    service = FakeService()
    with pytest.raises(KeyboardInterrupt):
        launch(service, Impatient(), "--hold", "6").run("rec-1")
    ended = service.of_launcher("ended")[0]
    assert (ended["reason"], ended["exit_code"]) == ("stopped", 75)
    assert json.loads((tmp_path / "checkpoints" / "held.json").read_text())["step"] == 6
