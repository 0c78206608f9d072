"""The folder of one run: plans, run logs and checkpoints, and all that a later launcher needs to go on.

One launcher at a time works in it; the kernel lets go of its lock when it dies.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from model.errors import EnvironmentTrouble
from trainer.runlog import phase_path, spool_path

from .attempts import Offer

PLANS, LOCK = "plans", "launcher.lock"


class Room:
    """A run's folder, made if absent."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.spool = folder, folder / "spool"
        self.spool.mkdir(parents=True, exist_ok=True)

    @property
    def clock_file(self) -> Path:
        """How wall time stands for market time, as the trainer reads it."""
        return self.folder / "clock.json"

    @property
    def checkpoints(self) -> Path:
        """The local store of checkpoints; an absolute path."""
        return (self.folder / "checkpoints").resolve()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other launchers out for as long as the context lasts.

        Raises:
            EnvironmentTrouble: One is at work here.
        """
        file = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise EnvironmentTrouble(
                    f"Process {os.read(file, 20).decode().strip() or '?'} is at work in {self.folder}.",
                    fix="Wait until it is done, or stop it first.",
                ) from None
            os.truncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(file)

    def keep(self, offer: Offer) -> Path:
        """Write down the plan of an attempt, and that it is the one in force; return its file."""
        text = json.dumps(offer.plan, indent=2, ensure_ascii=False) + "\n"
        plan = self.folder / PLANS / f"attempt-{offer.attempt}.json"
        plan.parent.mkdir(exist_ok=True)
        for path in (plan, self.folder / "plan.json"):
            half = path.with_name(f"{path.name}.part")
            half.write_text(text)
            os.replace(half, path)
        return plan

    def offers(self) -> list[Offer]:
        """Return what was kept, the oldest attempt first.

        Raises:
            EnvironmentTrouble: A plan is damaged.
        """
        found = [_offer(path) for path in (self.folder / PLANS).glob("attempt-*.json")]
        return sorted(found, key=lambda offer: offer.attempt)

    def run_logs(self) -> list[Path]:
        """Return the spools of all nodes, in all attempts."""
        return sorted(self.spool.glob("attempt-*-node-*.jsonl"))

    def log_of(self, attempt: int) -> Path:
        """Return where the trainer of an attempt says what it has to say."""
        return self.folder / "logs" / f"attempt-{attempt}.log"

    def last_seen(self, attempt: int, node: str) -> datetime:
        """Return the last sign of life of a trainer, wall time; long ago where it gave none."""
        left = (spool_path(self.spool, attempt, node), phase_path(self.spool, attempt, node))
        signs = [path.stat().st_mtime for path in left if path.exists()]
        return datetime.fromtimestamp(max(signs, default=0.0), UTC)


def _offer(path: Path) -> Offer:
    try:
        return Offer.read({"plan": json.loads(path.read_text())})
    except (OSError, ValueError, KeyError, TypeError) as trouble:
        raise EnvironmentTrouble(
            f"The plan {path} cannot be read ({type(trouble).__name__}).",
            fix="Put the file back as it was; plan.json beside it is a copy of the newest one.",
        ) from None
