"""The demo's service: `lowtide serve` in its own process, asked over HTTP like any other.

It is started, waited for and stopped here; nothing is called directly. Whatever happens to the
demo, the service ends with it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.errors import EnvironmentTrouble

from .client import Client
from .executor import spawn, stop

START_S = 30.0
SERVE = (sys.executable, "-P", "-m", "advisor.cli", "serve")


@contextmanager
def served(store: Path) -> Iterator[Client]:
    """Serve a store from a process of its own on a free loopback port, and yield a client of it.

    Raises:
        EnvironmentTrouble: It did not come up; its last words are quoted.
    """
    ready, log = store.with_suffix(".ready"), store.parent / "logs" / "service.log"
    ready.unlink(missing_ok=True)
    command = [
        *SERVE,
        "--store",
        str(store),
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--ready-file",
        str(ready),
    ]
    process = spawn(command, log=log)
    try:
        with Client(_address(process, ready, log), timeout_s=120.0) as client:
            yield client
    finally:
        stop(process)
        ready.unlink(missing_ok=True)


def _address(process: subprocess.Popen[bytes], ready: Path, log: Path) -> str:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        if ready.exists():
            return ready.read_text().strip()
        time.sleep(0.05)
    said = log.read_text(errors="replace").strip()[-300:] or "it said nothing"
    raise EnvironmentTrouble(f"The demo's service did not come up: {said}.", fix=f"Read {log}.")
