"""Sends run logs to the service, and asks a service that is away again.

The spool on disk is the truth. A log leaves the outbox once it is closed and the service has
taken all of it; sending twice is harmless, for events are idempotent. Patience has an end:
then one sentence says what is unsent and where it lies.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from model.errors import EnvironmentTrouble
from trainer.runlog import ServiceUnreachable as SpoolRefused
from trainer.runlog import ship_spool

from .client import ServiceUnreachable

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 15.0
Answer = TypeVar("Answer")
Send = Callable[[Path, str, str | None], int]  # Spool, URL, token -> events sent.


class Outbox:
    """Run logs of one run that the service may not have in full.

    Args:
        url, token: The service.
        send: Sends one spool whole; `trainer.runlog.ship_spool`.
    """

    def __init__(self, url: str, token: str | None, *, send: Send = ship_spool) -> None:
        self._url, self._token, self._send = url, token, send
        self._logs: dict[Path, bool] = {}  # Path -> closed.

    def add(self, *logs: Path) -> None:
        """Watch logs that are being written."""
        self._logs.update(dict.fromkeys(logs, False))

    def close(self, *logs: Path) -> None:
        """Say that nothing will be added to these logs any more."""
        self._logs.update(dict.fromkeys(logs, True))

    @property
    def unsent(self) -> list[Path]:
        """Logs the service may not have in full."""
        return list(self._logs)

    def flush(self) -> None:
        """Send everything; closed logs that arrived are forgotten.

        Raises:
            SpoolRefused: The service did not take them; nothing is lost.
        """
        for log, closed in list(self._logs.items()):
            if log.exists():
                self._send(log, self._url, self._token)
            if closed:
                del self._logs[log]

    def try_flush(self) -> bool:
        """Send everything if the service is there; return whether it was."""
        try:
            self.flush()
        except SpoolRefused:
            return False
        return True


def insist(
    ask: Callable[[], Answer], *, patience_s: float, sleep: Callable[[float], None] = time.sleep,
) -> Answer:  # fmt: skip
    """Ask until there is an answer, with growing pauses that add up to `patience_s` at most.

    Raises:
        EnvironmentTrouble: The service stayed away for so long.
    """
    pause_s, waited_s = FIRST_PAUSE_S, 0.0
    while True:
        try:
            return ask()
        except (ServiceUnreachable, SpoolRefused) as trouble:
            if waited_s >= patience_s:
                raise EnvironmentTrouble(
                    f"The service stayed away for {waited_s:.0f} s: {trouble.seen}",
                    fix="Start it again (lowtide serve). The run's events lie in its spool and lose nothing.",
                ) from trouble
        sleep(pause_s)
        waited_s += pause_s
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
