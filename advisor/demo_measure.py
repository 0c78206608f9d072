"""How long this machine's trainer takes for a step, a save and a restart: a short real run, timed.

A second copy trains beside the one that is timed, because in the demo the uninterrupted run
trains beside the struck one: behind it in line for the processor, yet sharing its caches. Each
starts fresh, then a second attempt resumes from what the first saved. Everything is read from
the run logs; nothing is assumed.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from model.errors import EnvironmentTrouble
from trainer.plan import (
    Plan,
    PlanCheckpoint,
    PlanJob,
    PlanNodes,
    PlanNotice,
    PlanPool,
    PlanStores,
    Provenance,
)
from trainer.runlog import phase_path, read_phase, read_spool, spool_path

from .attempts import DONE, STOPPED_ON_PURPOSE
from .executor import NODE, Starter, fresh, send, stop

STEPS = 60  # Half of them before the stop.
SAVE_EVERY_S = 0.5
LONGEST_S = 90.0
Timed = tuple[datetime, list[dict[str, Any]]]  # When a process was started, and its events.


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Real seconds on this machine."""

    step_s: float  # From one step to the next, saves taken out.
    pause_s: float  # Training stands still for one save.
    save_lag_s: float  # From the pause's end to the commit.
    boot_s: float  # From the start of the process to its first word.
    restore_s: float  # Reading the checkpoint back.
    warmup_s: float  # From then to the end of the first step, that step taken out.
    state_bytes: int  # One checkpoint.

    @property
    def restart_s(self) -> float:
        """From getting a machine to the first new step."""
        return self.boot_s + self.restore_s + self.warmup_s

    def overheads(self, compression: float) -> dict[str, Any]:
        """Return the job's [overheads]: these seconds as market time."""
        names = ("pause_s", "save_lag_s", "boot_s", "restore_s", "warmup_s")
        times = {name: getattr(self, name) * compression for name in names}
        return {**times, "origin": f"measured on this machine × compression {compression:.0f}"}


def measure(room: Path, *, starter: Starter = fresh, beside: Starter = fresh) -> Measured:
    """Run the trainer for a moment, stop it and resume it, in two copies, and read its times.

    Args:
        room: Folder for what these runs leave.
        starter: Starts the trainer that is timed.
        beside: Starts the one that trains beside it.

    Raises:
        EnvironmentTrouble: The trainer failed; its last words are quoted.
    """
    return read_times(*(_together(room, attempt, starter, beside) for attempt in (1, 2)))


def _together(room: Path, attempt: int, starter: Starter, beside: Starter) -> Timed:
    """Run two copies of one attempt at once; the first attempt is stopped on its way."""
    copies = [Copy(room / "timed", attempt, starter), Copy(room / "beside", attempt, beside)]
    until = time.monotonic() + LONGEST_S
    try:
        while attempt == 1 and not all(copy.halfway() for copy in copies) and time.monotonic() < until:
            time.sleep(0.05)
        for copy in copies:
            copy.finish(told_to_stop=attempt == 1)
    finally:
        for copy in copies:
            stop(copy.process)
    return copies[0].timed()


class Copy:
    """One trainer process of the measurement."""

    def __init__(self, folder: Path, attempt: int, starter: Starter) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        told = folder / f"plan-{attempt}.json"
        told.write_text(bare_plan(folder / "checkpoints", attempt, save_every_s=SAVE_EVERY_S).to_json())
        words = ["--plan", str(told), "--spool", str(folder), "--steps", str(STEPS), "--threads", "1"]
        self._folder, self._attempt = folder, attempt
        self._began = datetime.now(UTC)
        self.process = starter(words, folder / "trainer.log")

    def halfway(self) -> bool:
        """True once half of the steps are done, or where it ended by itself."""
        step = read_phase(phase_path(self._folder, self._attempt, NODE))[1]
        return step >= STEPS // 2 or self.process.poll() is not None

    def finish(self, *, told_to_stop: bool) -> None:
        """Wait for its end, and refuse one that was not wanted."""
        if told_to_stop:
            send(self.process, signal.SIGTERM)
        code = self.process.wait(timeout=LONGEST_S)
        if code != (STOPPED_ON_PURPOSE if told_to_stop else DONE):
            said = (self._folder / "trainer.log").read_text(errors="replace").strip()[-300:]
            raise EnvironmentTrouble(
                f"The trainer does not run here (exit {code}): {said}", fix="Type lowtide doctor."
            )

    def timed(self) -> Timed:
        """When it was started, and its events."""
        return self._began, read_spool(spool_path(self._folder, self._attempt, NODE))


def bare_plan(checkpoints: Path, attempt: int, *, save_every_s: float, run_id: str = "measure") -> Plan:
    """Return a plan for nobody's job, in no pool and with no service: it only has to be obeyed."""
    now = datetime.now(UTC)
    return Plan(
        run_id=run_id,
        attempt=attempt,
        job=PlanJob(name=run_id, gpus=1, useful_hours=1.0, state_bytes=0),
        pool=PlanPool(provider="here", region="here", zone_id=None, sku="cpu", capacity_type="on_demand"),
        fallbacks=(),
        nodes=PlanNodes(count=1, gpus_per_node=1, min=1, max=1, on_demand_floor=1),
        checkpoint=PlanCheckpoint(
            light_every_s=None, full_every_s=save_every_s, max_lost_work_s=None, asynchronous=False,
            delta=False, codec="none", allow_inexact=False, retention=2,
        ),
        stores=PlanStores(
            local_dir=str(checkpoints.resolve()), primary_url=None, replica_urls=(), key_ref=None
        ),
        notice=PlanNotice(provider="here", nominal_s=0.0, assumed_s=0.0, poll_url=None),
        deadline_at=None,
        budget_usd=None,
        expires_at=now + timedelta(hours=1),
        service=None,
        provenance=Provenance(
            recommendation_id="none", recommendation_sha256="none", as_of=now, code_version="none",
            image_digest=None,
        ),
    )  # fmt: skip


def read_times(fresh: Timed, resumed: Timed) -> Measured:
    """Read the times from run logs: each is when a process was started, and its events."""
    began, events = resumed
    every = [*fresh[1], *events]
    pause_s, commit_s = (_median_s(every, kind) for kind in ("captured", "committed"))
    restore_s = _median_s(events, "restored")
    step_s = median([_step_s(fresh[1]), _step_s(events)])
    started, stepped = _at(events, "started"), _at(events, "step")
    return Measured(
        step_s=step_s,
        pause_s=pause_s,
        save_lag_s=max(commit_s - pause_s, 0.0),
        boot_s=(started - began).total_seconds(),
        restore_s=restore_s,
        warmup_s=max((stepped - started).total_seconds() - restore_s - step_s, 0.0),
        state_bytes=next(event["bytes"] for event in every if event["event"] == "captured"),
    )


def _median_s(events: Sequence[dict[str, Any]], kind: str) -> float:
    return float(median(event["seconds"] for event in events if event["event"] == kind))


def _step_s(events: Sequence[dict[str, Any]]) -> float:
    """Seconds from one step's end to the next's, of the steps between which nothing was saved."""
    told = [event for event in events if event["event"] in ("step", "captured")]
    pairs = pairwise(told)
    gaps = [(_when(b) - _when(a)).total_seconds() for a, b in pairs if a["event"] == b["event"] == "step"]
    return median(gaps)


def _at(events: Sequence[dict[str, Any]], kind: str) -> datetime:
    return next(_when(event) for event in events if event["event"] == kind)


def _when(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["at"])
