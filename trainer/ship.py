"""Ships run events from the spool to the service, in batches that may be sent twice.

The spool is the truth and the service a reader of it: a failed post is tried again later from
the same line, and training never waits for it.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .errors import ServiceUnreachable
from .spool import read_from
from .wire import ask

BATCH_EVENTS = 500


class Shipper:
    """A thread that follows one spool file and posts what is new; use it as a context manager."""

    def __init__(self, url: str, token: str | None, spool: Path | str, *, every_s: float = 1.0) -> None:
        self._url, self._token, self._spool, self._every_s = url, token, spool, every_s
        self._offset = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="shipper", daemon=True)
        self.complaint: str | None = None  # The last trouble, None while all is well.

    def __enter__(self) -> Shipper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join(timeout=5)  # A dead service must not keep a finished trainer alive.

    def _follow(self) -> None:
        while not self._closing.wait(self._every_s):
            self._ship_new()
        self._ship_new()

    def _ship_new(self) -> None:
        try:
            _, self._offset = _ship_from(self._spool, self._offset, self._url, self._token)
            self.complaint = None
        except (ServiceUnreachable, OSError) as trouble:
            if self.complaint is None:  # Said once per outage.
                print(f"lowtide-run: run events wait on disk: {trouble}", file=sys.stderr)
            self.complaint = str(trouble)


def ship_spool(path: Path | str, url: str, token: str | None) -> int:
    """Send a whole spool, such as a killed node left behind; return how many events it holds.

    Raises:
        ServiceUnreachable: The service did not take them; send again later.
        FileNotFoundError: There is no spool.
    """
    sent, _ = _ship_from(path, 0, url, token)
    return sent


def _ship_from(spool: Path | str, offset: int, url: str, token: str | None) -> tuple[int, int]:
    events, end = read_from(spool, offset)
    for first in range(0, len(events), BATCH_EVENTS):
        _post(events[first : first + BATCH_EVENTS], url, token)
    return len(events), end


def _post(batch: list[dict[str, Any]], url: str, token: str | None) -> None:
    run_id = quote(batch[0]["run_id"], safe="")
    answer = ask(f"{url.rstrip('/')}/v1/runs/{run_id}/events", token=token, body={"events": batch})
    for refused in answer.get("rejected", []):
        print(f"lowtide-run: the service refused an event: {refused}", file=sys.stderr)
