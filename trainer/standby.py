"""A warm standby: one process that has torch loaded and forks a trainer for each request.

Starting a trainer from nothing takes seconds, nearly all of them to import torch. On a standby
that is paid once; each trainer is still a process of its own, with its own process group, and is
killed like any other.

Speaks JSON lines. In: {"words": [arguments of lowtide-run], "log": FILE, "nice": 0}. Out: {"ready":
true} once, then {"pid": N} for each request and {"pid": N, "exit": CODE} at its end, negative for a
signal. When standard input closes the standby ends, and its trainers with it.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from . import launch, loop  # noqa: F401  (the loop brings torch, which is the point)

REAP_EVERY_S = 0.02
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve requests until standard input closes."""
    _say({"ready": True})
    unread = b""
    while True:
        if select.select([0], [], [], REAP_EVERY_S)[0]:
            read = os.read(0, 1 << 16)
            if not read:
                return
            *lines, unread = (unread + read).split(b"\n")
            for line in lines:
                _say({"pid": _start(json.loads(line))})
        _reap()


def _start(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _become_trainer(request["words"], Path(request["log"]), request["nice"])
    return pid


def _become_trainer(words: list[str], log: Path, nice: int) -> NoReturn:
    """Run one trainer in this new process and leave with its exit code, whatever happens."""
    code = 1
    try:
        os.nice(nice)
        os.setsid()  # A group of its own, so that whoever kills it kills all of it.
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _talk_to(log)
        code = launch.main(words)
    except SystemExit as left:
        code = int(left.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _talk_to(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)


def _reap() -> None:
    """Tell of every trainer that has ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _say({"pid": pid, "exit": os.waitstatus_to_exitcode(status)})


def _say(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
