"""A warm process that forks ranks: torch is imported once, however many gangs a test file starts.

`Gang().run(work, world_size, **arguments)` calls that function of `gang_work`, `gang_train`, `gang_session`
or `gang_nodes` in as many forked processes, joined by gloo, and returns their answers by rank. A rank that
dies or hangs fails the test.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

PATIENCE_S = 90


class Gang:
    """The warm process; close it when done."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def run(self, work: str, world_size: int, **arguments: Any) -> list[Any]:
        """Run a piece of work on so many ranks and return their answers."""
        answers = self._ask({"work": work, "world_size": world_size, "arguments": arguments})
        failed = [answer["failed"] for answer in answers if "failed" in answer]
        assert not failed, "\n".join(failed)
        return [answer["answer"] for answer in answers]

    def _ask(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request, default=str) + "\n")
        self._process.stdin.flush()
        answers: list[dict[str, Any]] = json.loads(self._process.stdout.readline())
        return answers

    def strike(self, work: str, world_size: int, *, rank: int, at: str, **arguments: Any) -> bool:
        """Run, and have one rank killed where it gets to a crash point, the others right after.

        Returns whether it got there.
        """
        request = {"work": work, "world_size": world_size, "arguments": arguments, "strike": [rank, at]}
        answers = self._ask(request)
        return any("status 9" in answer.get("failed", "") for answer in answers)

    def close(self) -> None:
        """End the warm process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)


def serve() -> None:
    """Answer requests until standard input closes."""
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[3])]
    import gang_nodes
    import gang_session
    import gang_train
    import gang_work

    importlib.import_module("torch._dynamo")  # What FSDP loads at its first step, seconds on each rank.
    works = {**vars(gang_work), **vars(gang_train), **vars(gang_session), **vars(gang_nodes)}
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryDirectory() as folder:
            answers = _run(works[request["work"]], request, Path(folder))
        print(json.dumps(answers), flush=True)


def _run(work: Any, request: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    ranks = range(request["world_size"])
    pids = {_start(work, rank, request, folder): rank for rank in ranks}
    exits: dict[int, int] = {}
    deadline = time.monotonic() + PATIENCE_S
    while len(exits) < len(pids) and time.monotonic() < deadline:
        for pid, rank in pids.items():
            if rank not in exits and (status := os.waitpid(pid, os.WNOHANG))[0]:
                exits[rank] = status[1]
        if any(exits.values()):
            # The others may be waiting for the dead one; a machine that is taken takes all of its ranks.
            deadline = min(deadline, time.monotonic() + (0.05 if "strike" in request else 2))
        select.select([], [], [], 0.01)
    for pid, rank in pids.items():
        if rank not in exits:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return [_answer(folder / f"{rank}.json", exits.get(rank)) for rank in ranks]


def _answer(path: Path, status: int | None) -> dict[str, Any]:
    if path.exists():
        return json.loads(path.read_text())
    return {"failed": "the rank hung" if status is None else f"the rank ended with status {status}"}


def _start(work: Any, rank: int, request: dict[str, Any], folder: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        answer = {"answer": _joined(work, rank, request, folder)}
        code = 0
    except BaseException:
        answer = {"failed": f"rank {rank}: {traceback.format_exc()}"}
    (folder / f"{rank}.tmp").write_text(json.dumps(answer))
    os.replace(folder / f"{rank}.tmp", folder / f"{rank}.json")
    os._exit(code)


def _joined(work: Any, rank: int, request: dict[str, Any], folder: Path) -> Any:
    import torch

    world_size = request["world_size"]
    os.dup2(2, 1)  # Standard output is the answer's.
    struck, at = request.get("strike", (None, ""))
    if struck == rank:
        from trainer import crash

        crash.arm(at)
        os.environ["LOWTIDE_CRASH_AT"] = at  # For its writer process, which takes its trainer along.
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world_size
    )
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(world_size), LOCAL_RANK=str(rank))
    try:
        return work(rank, world_size, **request["arguments"])
    finally:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    serve()
