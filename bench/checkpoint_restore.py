"""Restores as they happen: by a process that has just started. Runs itself for each one; prints seconds."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed.checkpoint as dcp
from checkpoint_ours import Ours, keeper_of, plan_in
from checkpoint_training import Training
from harness import Bench

from trainer.checkpoint.weights import weights_sha256

Run = Callable[[Training, Path], None]


def figures(bench: Bench, room: Path, layers: int, n: int) -> None:
    """Save one state three ways, restore each n times, taking turns."""
    room.mkdir()
    training = Training(layers, bench.options.seed)
    ours = Ours(training, room)
    ours.begin(training)
    ours.end()
    ours.close()
    torch.save(training.state(), room / "plain.pt")
    dcp.save(training.state(), checkpoint_id=room / "dcp")
    expected = weights_sha256(training.model)
    asked = [("ours", "new"), ("torch", "new"), ("ours", "stepped"), ("dcp", "stepped")]
    taken: dict[tuple[str, str], list[float]] = {each: [] for each in asked}
    for _ in range(n + 1):
        for each in asked:
            taken[each].append(_in_a_new_process(*each, room, layers, expected))
    medians = {each: sorted(seconds[1:])[n // 2] for each, seconds in taken.items()}
    for name, optimizer, peer in (
        ("torch", "new", "torch.load and load_state_dict"),
        ("dcp", "stepped", "dcp.load and load_state_dict"),
    ):
        bench.figure(
            f"restore, opened and verified, in a new process, against {name}", medians["ours", optimizer],
            unit="s", better="lower", must=0.8, aim=0.5, peer=peer, theirs=medians[name, optimizer], n=n,
        )  # fmt: skip


def _in_a_new_process(how: str, optimizer: str, room: Path, layers: int, expected: str) -> float:
    words = [how, optimizer, str(room), str(layers)]
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=True)
    seconds, weights = done.stdout.split()
    if weights != expected:
        raise SystemExit(f"{how} did not restore what was saved, so the time means nothing.")
    return float(seconds)


def restore_ours(fresh: Training, room: Path) -> None:
    """Restore from our checkpoint."""
    keeper_of(fresh.model, fresh.optimizer, plan_in(room, attempt=2, asynchronous=False), room).restore()


def restore_torch(fresh: Training, room: Path) -> None:
    """Restore from what torch.save wrote."""
    state = torch.load(room / "plain.pt", weights_only=True)
    fresh.model.load_state_dict(state["model"])
    fresh.optimizer.load_state_dict(state["optimizer"])


def restore_dcp(fresh: Training, room: Path) -> None:
    """Restore from a distributed checkpoint, which reads into the state that is there."""
    state = fresh.state()
    dcp.load(state, checkpoint_id=room / "dcp")
    fresh.model.load_state_dict(state["model"])  # type: ignore[arg-type]
    fresh.optimizer.load_state_dict(state["optimizer"])  # type: ignore[arg-type]


HOW: dict[str, Run] = {"ours": restore_ours, "torch": restore_torch, "dcp": restore_dcp}


def main(how: str, optimizer: str, room: str, layers: str) -> None:
    """Restore once and print the seconds it took and what came of it."""
    fresh = Training(int(layers), seed=0, first_step=optimizer == "stepped")
    began = time.perf_counter()
    HOW[how](fresh, Path(room))
    seconds = time.perf_counter() - began
    print(seconds, weights_sha256(fresh.model))


if __name__ == "__main__":
    main(*sys.argv[1:])
