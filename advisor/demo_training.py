"""The demo's two training runs: one under the launcher and the replayed preemptions, one left alone.

Both train the same model from the same seed for the same number of steps, on one thread each, at
the same time. The second has no service, no preemptions and a folder of its own; at the end the
weights of both are compared by their hash.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from model.errors import EnvironmentTrouble
from trainer.runlog import phase_path, read_phase, read_spool, spool_path

from . import format as fmt
from .attempts import Situation
from .demo_measure import bare_plan
from .demo_screen import Line
from .executor import NODE, Process, Starter, fresh, stop
from .report_charts import short

LONGEST_S = 300.0
YIELDS = 10  # Niceness: it has the restarts of the other run to catch up in, and may not slow that one.
DOING = {
    "boot": "booting", "restore": "restoring", "step": "training", "save": "saving", "wait": "waiting",
    "done": "done",
}  # fmt: skip


def options(steps: int, seed: int) -> list[str]:
    """Return the trainer's options that both runs share."""
    return ["--steps", str(steps), "--seed", str(seed), "--threads", "1"]


class Reference:
    """The uninterrupted run."""

    def __init__(self, room: Path, process: Process) -> None:
        self._room, self._process = room, process

    def step(self) -> int:
        """Steps completed so far."""
        return read_phase(phase_path(self._room, 1, NODE))[1]

    def finish(self) -> str | None:
        """Wait for its end and return the hash of its weights.

        Raises:
            EnvironmentTrouble: It did not come to its end.
        """
        code = self._process.wait(timeout=LONGEST_S)
        log = self._room / "trainer.log"
        if code != 0:
            said = log.read_text(errors="replace").strip()[-300:]
            raise EnvironmentTrouble(
                f"The uninterrupted run failed (exit {code}): {said}", fix=f"Read {log}."
            )
        ended = [e for e in read_spool(spool_path(self._room, 1, NODE)) if e["event"] == "ended"]
        return ended[-1]["weights_sha256"] if ended else None


@contextmanager
def reference(
    room: Path, words: Sequence[str], *, save_every_s: float, starter: Starter = fresh
) -> Iterator[Reference]:
    """Start the uninterrupted run beside whatever happens in this block; it ends with the block."""
    room.mkdir(parents=True, exist_ok=True)
    plan = room / "plan.json"
    plan.write_text(
        bare_plan(room / "checkpoints", 1, save_every_s=save_every_s, run_id="reference").to_json()
    )
    process = starter(["--plan", str(plan), "--spool", str(room), *words], room / "trainer.log")
    os.setpriority(os.PRIO_PROCESS, process.pid, YIELDS)
    try:
        yield Reference(room, process)
    finally:
        stop(process)


def describe(now: Situation, steps: int) -> str:
    """Return the progress line of a launched run."""
    place = short(now.pool_id) if now.pool_id else "no machine"
    return (
        f"{fmt.instant(now.market_at)} · {place} · attempt {now.attempt}, {DOING[now.phase]} · "
        f"step {now.step}/{steps} · {now.lost} lost"
    )


class Teller:
    """Moves the line with the launcher; a booting trainer does not move it back to zero."""

    def __init__(self, line: Line, steps: int) -> None:
        self._line, self._steps = line, steps
        self._best = 0

    def __call__(self, now: Situation) -> None:
        self._best = max(self._best, now.step)
        self._line.at(self._best, describe(replace(now, step=self._best), self._steps))
