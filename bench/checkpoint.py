"""Checkpoints beside a training: standstill, slowdown, memory, durable saves, restores, light saves."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import checkpoint_extra_memory
import checkpoint_light
import checkpoint_restore
from checkpoint_ours import Ours
from checkpoint_peers import DefaultAsync, ProcessShared, join_group
from checkpoint_training import Saved, Training, save_beside
from harness import Bench, start

LAYERS = 29  # 30.4 M parameters: 0.365 GB of weights and moments.


def main() -> None:
    bench = start("checkpoint", __doc__)
    n = 3 if bench.options.quick else 7
    with tempfile.TemporaryDirectory(dir=os.environ.get("LOWTIDE_BENCH_DIR")) as folder:
        room = Path(folder)
        join_group(room)
        beside(bench, room, n)
        checkpoint_extra_memory.figures(bench, LAYERS, n)
        durable(bench, room, n)
        checkpoint_restore.figures(bench, room / "restore", LAYERS, n)
        checkpoint_light.figures(bench, room)
    bench.finish()


def beside(bench: Bench, room: Path, n: int) -> None:
    """Saves beside a training, taking turns; the first of each is a figure of its own."""
    training = Training(LAYERS, bench.options.seed)
    savers = {"ours": Ours(training, _sub(room, "ours")), "default": DefaultAsync(_sub(room, "default"))}
    savers["process"] = ProcessShared(_sub(room, "process"))
    taken: dict[str, list[Saved]] = {name: [] for name in savers}
    for _ in range(n + 1):
        for name, saver in savers.items():
            taken[name].append(save_beside(training, saver))
    for saver in savers.values():
        saver.close()
    steady = {name: each[1:] for name, each in taken.items()}
    blocked = {name: _median(s.blocked_s for s in each) for name, each in steady.items()}
    cost = {name: _median(s.blocked_s + s.slowed_s for s in each) for name, each in steady.items()}
    bench.figure(
        "training stands still for a save", blocked["ours"], unit="s", better="lower", must=0.2, aim=0.05,
        peer="dcp.async_save, default", theirs=blocked["default"], n=n,
        process_peer_s=round(blocked["process"], 4),
    )  # fmt: skip
    bench.figure(
        "standstill and slowdown of a save", cost["ours"], unit="s", better="lower", must=1.0, aim=0.6,
        peer="dcp, process, shared memory, reused stager", theirs=cost["process"], n=n,
        default_peer_s=round(cost["default"], 4),
    )  # fmt: skip
    first, then = taken["ours"][0].durable_s, _median(s.durable_s for s in steady["ours"])
    bench.figure(
        "first save against the later ones, until durable", first / then, unit="times", better="lower",
        must=2.0, aim=1.2, n=n, first_s=round(first, 3), later_s=round(then, 3),
        process_peer=round(_first_against_later(taken["process"]), 2),
    )  # fmt: skip


def _first_against_later(taken: list[Saved]) -> float:
    return taken[0].durable_s / _median(s.durable_s for s in taken[1:])


def durable(bench: Bench, room: Path, n: int) -> None:
    """A committed save against writing the same bytes plainly and forcing them to disk."""
    training = Training(LAYERS, bench.options.seed)
    ours = Ours(training, _sub(room, "durable"))
    raw = os.urandom(1 << 20) * (training.state_bytes >> 20)
    taken: dict[str, list[float]] = {"ours": [], "raw": []}
    for _ in range(n + 1):
        taken["ours"].append(_seconds(lambda: _save_whole(ours, training)))
        taken["raw"].append(_seconds(lambda: _write_plainly(room / "raw", raw)))
    ours.close()
    medians = {name: statistics.median(each[1:]) for name, each in taken.items()}
    bench.figure(
        "hashed, sealed and durable save", medians["ours"], unit="s", better="lower", must=1.5, aim=1.15,
        peer="write and fsync of the same bytes", theirs=medians["raw"], n=n,
    )  # fmt: skip


def _save_whole(ours: Ours, training: Training) -> None:
    ours.begin(training)
    ours.end()


def _write_plainly(path: Path, raw: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    view = memoryview(raw)
    while view:
        view = view[os.write(file, view) :]
    os.fsync(file)
    os.close(file)


def _sub(room: Path, name: str) -> Path:
    shutil.rmtree(room / name, ignore_errors=True)
    (room / name).mkdir()
    return room / name


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _median(values: object) -> float:
    return statistics.median(list(values))  # type: ignore[call-overload, no-any-return]


if __name__ == "__main__":
    main()
