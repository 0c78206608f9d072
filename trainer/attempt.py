"""Starts a user's own training command under plans of ours, attempt by attempt, and strikes it.

A room is the folder of one run: its plans, its checkpoints with the spool beside them, and what the command
printed. The command learns of its plan by the environment (`LOWTIDE_PLAN`) or by `{plan}` and `{spool}` in
its words. It gets a process group of its own, so that whatever it starts dies with it, as on a machine
that is taken. Standard library only: torch is the command's own affair.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .errors import TrainerError
from .plan import (
    Plan,
    PlanCheckpoint,
    PlanJob,
    PlanNodes,
    PlanNotice,
    PlanPool,
    PlanStores,
    Provenance,
)
from .spool import read_spool

PLAN_ENV, CRASH_ENV = "LOWTIDE_PLAN", "LOWTIDE_CRASH_AT"
VALID = timedelta(days=3650)
POLL_S = 0.02
TAIL_CHARS = 600


class CannotStart(TrainerError):
    """The command does not run, even where nothing strikes it."""

    exit_code = 4


class NoRunLog(TrainerError):
    """The command runs, and says nothing that could be judged."""

    exit_code = 2


def practice_plan(notice_s: float = 30.0) -> Plan:
    """Return a plan for trying a command out here: saves beside the training, no service, no market."""
    return Plan(
        run_id="practice",
        attempt=1,
        job=PlanJob(name="practice", gpus=1, useful_hours=0.0, state_bytes=0),
        pool=PlanPool(provider="here", region="here", zone_id=None, sku="here", capacity_type="spot"),
        fallbacks=(),
        nodes=PlanNodes(count=1, gpus_per_node=1, min=1, max=1, on_demand_floor=0),
        checkpoint=PlanCheckpoint(
            light_every_s=None, full_every_s=3600.0, max_lost_work_s=None, asynchronous=True, delta=False,
            codec="none", allow_inexact=False, retention=3,
        ),
        stores=PlanStores(local_dir="checkpoints", primary_url=None, replica_urls=(), key_ref=None),
        notice=PlanNotice(provider="here", nominal_s=notice_s, assumed_s=notice_s, poll_url=None),
        deadline_at=None,
        budget_usd=None,
        expires_at=datetime.now(UTC) + VALID,
        service=None,
        provenance=Provenance(
            recommendation_id="practice", recommendation_sha256="0" * 64, as_of=datetime.now(UTC),
            code_version="practice", image_digest=None,
        ),
    )  # fmt: skip


def plan_to_try(file: Path | None, notice_s: float = 30.0) -> Plan:
    """Return the plan of a file, or one for practice; raises PlanError as `Plan.read` does."""
    return practice_plan(notice_s) if file is None else Plan.read(file)


def in_room(plan: Plan, room: Path, *, full_every_s: float) -> Plan:
    """Return the plan turned into one of a room: fresh stores, no service, in date, saving that often."""
    stores, checkpoint = plan.stores, plan.checkpoint
    light = checkpoint.light_every_s
    return replace(
        plan,
        checkpoint=replace(
            checkpoint,
            full_every_s=full_every_s,
            light_every_s=None if light is None else full_every_s / 2,
            max_lost_work_s=None,
        ),
        stores=replace(
            stores,
            local_dir=str(room / "checkpoints"),
            primary_url=stores.primary_url and _beneath(stores.primary_url, room),
            replica_urls=tuple(_beneath(url, room) for url in stores.replica_urls),
        ),
        deadline_at=None,
        expires_at=datetime.now(UTC) + VALID,
        service=None,
    )


def _beneath(url: str, room: Path) -> str:
    return f"{url.rstrip('/')}/{room.parent.name}/{room.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One run of the command in a folder of its own."""

    folder: Path
    plan: Plan
    words: tuple[str, ...]

    @property
    def spool(self) -> Path:
        """Where a session writes its run log unless told otherwise."""
        return self.folder / "checkpoints" / "spool"

    def output(self, attempt: int) -> Path:
        """Return the file of what an attempt printed."""
        return self.folder / f"output-{attempt}.txt"

    def events(self, attempt: int) -> list[dict[str, Any]]:
        """Return the events of an attempt, node by node."""
        found = sorted(self.spool.glob(f"attempt-{attempt}-node-*.jsonl"))
        return [event for path in found for event in read_spool(path)]

    def start(self, attempt: int, *, crash_at: str = "") -> Attempt:
        """Start the command; raises CannotStart where there is no such command."""
        self.spool.mkdir(parents=True, exist_ok=True)
        plan = self.folder / f"plan-{attempt}.json"
        plan.write_text(replace(self.plan, attempt=attempt).to_json())
        names = {"{plan}": str(plan), "{spool}": str(self.spool)}
        words = [_filled(word, names) for word in self.words]
        env = {**os.environ, PLAN_ENV: str(plan), CRASH_ENV: crash_at}
        return Attempt(words, env, self.output(attempt))

    def tail(self, attempt: int) -> str:
        """Return the end of what an attempt printed, for a message."""
        text = self.output(attempt).read_text(errors="replace").strip()
        return text[-TAIL_CHARS:] or "it printed nothing"


def _filled(word: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        word = word.replace(name, value)
    return word


class Attempt:
    """A command that runs, with all it starts."""

    def __init__(self, words: list[str], env: dict[str, str], output: Path) -> None:
        self.born_at, self._began = time.time(), time.monotonic()
        try:
            with open(output, "wb") as file:
                self._process = subprocess.Popen(
                    words, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
                )
        except OSError as trouble:
            raise CannotStart(
                f"{words[0]} cannot be started: {trouble.strerror or trouble}.",
                fix="Put a command that runs here behind --.",
            ) from None

    def __enter__(self) -> Attempt:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()  # Also where somebody lost patience and pressed Ctrl-C: it is in another group.

    @property
    def seconds(self) -> float:
        """How long ago it was started."""
        return time.monotonic() - self._began

    def wait(self, timeout_s: float) -> int | None:
        """Return the exit code, minus the signal where one ended it; None where it still runs."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def warn(self, notice_s: float) -> int | None:
        """Send SIGTERM as a cloud does before it takes a machine; return as `wait` does.

        A wrapper around the training may die of it at once; the training itself has the whole notice.
        """
        self._signal(signal.SIGTERM)
        until = time.monotonic() + notice_s
        code = self.wait(notice_s)
        while self._is_anyone_left() and time.monotonic() < until:
            time.sleep(POLL_S)
        return code

    def kill(self) -> int:
        """Kill the whole group, as the loss of the machine does, and return how the command ended."""
        self._signal(signal.SIGKILL)
        return self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # All are gone; some systems call a group of the dead forbidden.

    def _is_anyone_left(self) -> bool:
        try:
            os.killpg(self._process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True
