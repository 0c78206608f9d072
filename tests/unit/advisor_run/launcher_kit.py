"""A service, a cloud and a trainer that a launcher is tried with; the processes are real."""

from __future__ import annotations

import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from advisor.cloud import Lease, LocalCloud, Strike
from advisor.executor import LocalExecutor, spawn
from trainer.runlog import ServiceUnreachable, read_spool

HERE = Path(__file__).parent
FAKE_TRAINER = (sys.executable, str(HERE / "fake_trainer.py"))
PLAN = json.loads((HERE.parents[2] / "examples" / "plan.json").read_text())
START = datetime(2023, 3, 1, tzinfo=UTC)


def pool_id(plan) -> str:
    pool = plan["pool"]
    return "/".join(
        [pool["provider"], pool["region"], pool["zone_id"] or "-", pool["sku"], pool["capacity_type"]]
    )


class FakeService:
    """Numbers attempts, offers `skus` in turn, and keeps what it is sent."""

    base_url, token = "http://service.invalid", None

    def __init__(self, *, absent: int = 0, wait_first: bool = False) -> None:
        self.absent, self.wait_first = absent, wait_first
        self.asked: list[dict] = []
        self.events: dict[tuple, dict] = {}
        self.attempt = 0

    def open_run(self, recommendation_id, *, stores, rank=1, clock=None):
        self.opened = {"stores": stores}
        return {"run_id": "run-1", **self._offer()}

    def next_pool(self, run_id, **asked):
        self.asked.append(asked)
        if self.wait_first and len(self.asked) == 1:
            return {"action": "wait", "wait_s": 0.001, "plan": None}
        return {"action": "start", "wait_s": 0, **self._offer()}

    def _offer(self):
        self.attempt += 1
        stores = {**PLAN["stores"], **self.opened["stores"]}
        pool = {**PLAN["pool"], "zone_id": f"zone-{self.attempt}"}
        plan = {**PLAN, "run_id": "run-1", "attempt": self.attempt, "stores": stores, "pool": pool}
        return {"attempt": self.attempt, "plan": {**plan, "service": None}}

    def send(self, spool, url, token):
        if self.absent > 0:
            self.absent -= 1
            raise ServiceUnreachable("It is away.", fix="Wait.")
        for event in read_spool(spool):
            self.events[event["attempt"], event["node"], event["seq"]] = event
        return 0

    def of_launcher(self, *kinds):
        mine = [event for key, event in sorted(self.events.items()) if key[1] == "launcher"]
        return [event for event in mine if not kinds or event["event"] in kinds]


class FakeCloud:
    """Strikes the n-th machine once it has done a number of steps; refuses where told to."""

    def __init__(self, *strikes: tuple[int, signal.Signals], refuse: int = 0) -> None:
        self.strikes, self.refuse, self.sent = list(strikes), refuse, None

    def request(self, key, at):
        if self.refuse:
            self.refuse -= 1
            return None
        return Lease(pool_id=key, began_at=at, ends_at=None)

    def tend(self, lease, machine, at):
        if self.sent and machine.poll() is not None:
            name, self.sent = self.sent.name, None
            return Strike(with_notice=name == "SIGTERM", signal=name, phase="step")
        if self.strikes and not self.sent and machine.phase()[1] >= self.strikes[0][0]:
            self.sent = self.strikes.pop(0)[1]
            machine.send(self.sent)
        return None


class Impatient(LocalCloud):
    """Presses Ctrl-C after step 6."""

    def tend(self, lease, machine, at):
        if machine.phase()[1] >= 6:
            raise KeyboardInterrupt


def fake_executor(*options: str) -> LocalExecutor:
    """Starts the trainer without torch."""
    return LocalExecutor(options, starter=lambda words, log: spawn([*FAKE_TRAINER, *words], log=log))
