"""Starts the trainer as a real process on this machine, in a process group of its own.

The launcher sees a `Machine`: an exit code, a phase, and a place to send signals. The process
dies with the launcher (PR_SET_PDEATHSIG on Linux), so that no zombie trains on unseen; a process
group makes sure that nothing the trainer started outlives it. Other executors (SkyPilot, a
cluster) fit the same two calls.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from trainer.runlog import phase_path, read_phase

from .cloud import Machine

# -P keeps the working directory off the path: a user's own trainer.py must not be started.
TRAINER = (sys.executable, "-P", "-m", "trainer.launch")
NODE = "0"
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What one attempt is started with."""

    attempt: int
    plan: Path
    spool: Path  # Folder of run logs and phase words.
    clock: Path | None  # The run's clock file; None runs on wall time.
    log: Path  # Standard output and error of the process.


class Executor(Protocol):
    """Starts attempts."""

    def start(self, start: Start) -> Machine:
        """Start the trainer and return the machine it runs on."""


class Process(Protocol):
    """A running trainer: `subprocess.Popen`, or one forked from a standby."""

    @property
    def pid(self) -> int:
        """The process, which leads its group."""

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises subprocess.TimeoutExpired."""


Starter = Callable[[Sequence[str], Path], Process]  # Arguments of `lowtide-run`, and its log file.


class LocalExecutor:
    """Starts the trainer here.

    Args:
        options: More options of the trainer, such as ("--steps", "200").
        starter: Starts one; by default a fresh interpreter.
    """

    def __init__(self, options: Sequence[str] = (), *, starter: Starter | None = None) -> None:
        self._options = tuple(options)
        self._starter = starter or fresh

    def start(self, start: Start) -> LocalMachine:
        """Start the trainer in its own process group; its output goes to the attempt's log file."""
        arguments = ["--plan", str(start.plan), "--spool", str(start.spool), "--node", NODE]
        if start.clock is not None:
            arguments += ["--clock", str(start.clock)]
        process = self._starter([*arguments, *self._options], start.log)
        return LocalMachine(process, phase_path(start.spool, start.attempt, NODE))


class LocalMachine:
    """A trainer process here."""

    def __init__(self, process: Process, phase_file: Path) -> None:
        self._process = process
        self._phase_file = phase_file

    @property
    def pid(self) -> int:
        """The process, which leads its group."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        return self._process.poll()

    def phase(self) -> tuple[str, int]:
        """Return what the trainer is doing and the steps it has completed."""
        return read_phase(self._phase_file)

    def send(self, signum: signal.Signals) -> None:
        """Deliver a signal to the whole process group."""
        send(self._process, signum)


def fresh(words: Sequence[str], log: Path) -> Process:
    """Start the trainer in an interpreter of its own, which takes seconds to load torch."""
    return spawn([*TRAINER, *words], log=log)


def spawn(command: Sequence[str], *, log: Path) -> subprocess.Popen[bytes]:
    """Start a process in its own group, its output appended to `log`, that dies with this one."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=_die_with_the_parent,
        )  # fmt: skip


def send(process: Process, signum: signal.Signals) -> None:
    """Signal the process group of `process`; a group that is gone is no error."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signum)
        except ProcessLookupError:  # Gone, or so young that it leads no group yet.
            with suppress(ProcessLookupError):
                os.kill(process.pid, signum)


def stop(process: Process, *, patience_s: float = 5.0) -> None:
    """End a process: SIGTERM, and SIGKILL for the whole group where it does not listen."""
    send(process, signal.SIGTERM)
    try:
        process.wait(timeout=patience_s)
    except subprocess.TimeoutExpired:
        send(process, signal.SIGKILL)
        process.wait()


def _die_with_the_parent() -> None:
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
