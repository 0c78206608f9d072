"""Starts trainers from a warm standby (`trainer.standby`), so that a restart is not mostly an import.

A `Forked` process answers to the same three calls as a `subprocess.Popen`: `pid`, `poll`, `wait`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from model.errors import EnvironmentTrouble

STANDBY = (sys.executable, "-P", "-m", "trainer.standby")
READY_S = 60.0
LAST_IN_LINE = 19


class Standby:
    """A standby process; use it as a context manager. Its trainers end with it."""

    def __init__(self, command: Sequence[str] = STANDBY) -> None:
        self._command = tuple(command)
        self._told = threading.Condition()
        self._ready = False
        self._started: list[int] = []  # Pids in the order asked for, those not yet fetched.
        self._exits: dict[int, int] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        threading.Thread(target=self._listen, name="standby", daemon=True).start()
        self._wait_for(lambda: self._ready, READY_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def start(self, words: Sequence[str], log: Path, *, nice: int = 0) -> Forked:
        """Start a trainer with these arguments of `lowtide-run`; its output is appended to `log`.

        Args:
            words: Arguments of `lowtide-run`.
            log: Where its output goes.
            nice: How far it stands back when others want the processor.

        Raises:
            EnvironmentTrouble: The standby has died.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        request = json.dumps({"words": list(words), "log": str(log.resolve()), "nice": nice})
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(request.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._dead() from None
        self._wait_for(lambda: bool(self._started), READY_S)
        return Forked(self, self._started.pop(0))

    def start_behind(self, words: Sequence[str], log: Path) -> Forked:
        """Start a trainer that leaves the processor to everybody else."""
        return self.start(words, log, nice=LAST_IN_LINE)

    def exit_of(self, pid: int, *, timeout: float | None) -> int | None:
        """Return the exit code of a trainer, or None where it still runs after `timeout` seconds."""
        with self._told:
            self._told.wait_for(lambda: pid in self._exits or self._process.poll() is not None, timeout)
            gone = -signal.SIGKILL if self._process.poll() is not None else None  # They die together.
            return self._exits.get(pid, gone)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._take(json.loads(line))
        with self._told:  # A dead standby has killed its trainers.
            self._told.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        with self._told:
            if "ready" in message:
                self._ready = True
            elif "exit" in message:
                self._exits[message["pid"]] = message["exit"]
            else:
                self._started.append(message["pid"])
            self._told.notify_all()

    def _wait_for(self, condition: Any, seconds: float) -> None:
        with self._told:
            if not self._told.wait_for(lambda: condition() or self._process.poll() is not None, seconds):
                raise self._dead()
        if not condition():
            raise self._dead()

    def _dead(self) -> EnvironmentTrouble:
        return EnvironmentTrouble(
            f"The trainer's standby does not answer (exit {self._process.poll()}).",
            fix="Type lowtide doctor.",
        )


class Forked:
    """One trainer process of a standby."""

    def __init__(self, standby: Standby, pid: int) -> None:
        self._standby = standby
        self.pid = pid

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        return self._standby.exit_of(self.pid, timeout=0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code.

        Raises:
            subprocess.TimeoutExpired: It still runs after `timeout` seconds.
        """
        code = self._standby.exit_of(self.pid, timeout=timeout)
        if code is None:
            raise subprocess.TimeoutExpired("trainer", timeout or 0.0)
        return code
