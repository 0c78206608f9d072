"""`lowtide run`: one job from its recommendation to its end, on this machine, also in several sittings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from model.errors import ImpossibleInput

from .attempts import RunOutcome
from .client import Client
from .clockfile import read_clock
from .cloud import LocalCloud
from .connect import connected
from .executor import LocalExecutor
from .launch import Launcher, wall_now
from .progress import RunClock
from .room import PLANS, Room

BEGUN, MARKET = "begun.json", "market.duckdb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """How a run was begun, for whoever goes on with it: the trainer's steps, and which service was asked."""

    steps: int
    url: str | None = None
    store: str | None = None
    sample: int | None = None

    def write(self, out: Path) -> None:
        """Write it down in a folder that holds no earlier run.

        Raises:
            ImpossibleInput: `out` holds one.
        """
        refuse_used(out)
        out.mkdir(parents=True, exist_ok=True)
        store = str(Path(self.store).expanduser().resolve()) if self.store else None
        (out / BEGUN).write_text(json.dumps(asdict(self) | {"store": store}, indent=2) + "\n")

    @classmethod
    def read(cls, out: Path) -> Begun:
        """Read it back.

        Raises:
            ImpossibleInput: `out` holds no run that `lowtide run` began.
        """
        try:
            return cls(**json.loads((out / BEGUN).read_text()))
        except (OSError, ValueError, TypeError):
            raise ImpossibleInput(
                f"{out} holds no run to go on with.", fix="Pass --out with the folder of one, or name a job."
            ) from None

    @contextmanager
    def service(self, out: Path) -> Iterator[Client]:
        """Yield a client of the service that was asked; an embedded market is kept beside the run."""
        kept = out / MARKET if self.sample is not None else None
        with connected(url=self.url, store=self.store, sample=self.sample, keep=kept) as client:
            yield client


def refuse_used(out: Path) -> None:
    """Refuse a folder in which a run was begun."""
    if any((out / PLANS).glob("attempt-*.json")) or any((out / "spool").glob("*.jsonl")):
        raise ImpossibleInput(
            f"{out} holds an earlier run.",
            fix=f"Go on with it (lowtide run --resume --out {out}), or pass --out with a new folder.",
        )


def run_job(
    client: Client, spec: Any, *, out: Path, steps: int, as_of: datetime | str | None = None
) -> dict[str, Any]:
    """Run a job on this machine to its end: what `lowtide run` does.

    Args:
        client: The service.
        spec: The job, as `Client.recommend` takes it.
        out: The run's folder.
        steps: Steps of the bundled trainer.
        as_of: When the job starts, market time; now by default.

    Returns:
        The run as the service tells it, with the hash of the weights and a summary in words.

    Raises:
        ImpossibleInput: `out` holds an earlier run.
    """
    refuse_used(out)
    found = client.recommend(spec, as_of=as_of)
    clock = RunClock(market_origin_at=datetime.fromisoformat(found["as_of"]), wall_origin_at=wall_now())
    return _told(client, out, _launcher(client, out, steps, clock).run(found["recommendation_id"]))


def resume_job(client: Client, *, out: Path, steps: int) -> dict[str, Any]:
    """Go on with a run whose launcher was stopped or died, from its newest checkpoint to its end.

    Raises:
        ImpossibleInput: `out` holds no run, or was moved.
        EnvironmentTrouble: Its launcher is still at work.
    """
    if not any((out / PLANS).glob("attempt-*.json")):
        raise ImpossibleInput(f"No run was begun in {out}.", fix="Run the job without --resume.")
    return _told(client, out, _launcher(client, out, steps, read_clock(Room(out).clock_file)).take_up())


def _launcher(client: Client, out: Path, steps: int, clock: RunClock) -> Launcher:
    return Launcher(client, LocalCloud(), LocalExecutor(["--steps", str(steps)]), clock=clock, room=out)


def _told(client: Client, out: Path, outcome: RunOutcome) -> dict[str, Any]:
    summary = (
        f"Run {outcome.run_id} is done on this machine: {outcome.ends[-1].step} steps in "
        f"{len(outcome.ends)} attempts. Weights {outcome.weights_sha256}. Everything is in {out}."
    )
    told = client.run(outcome.run_id)
    return {**told, "weights_sha256": outcome.weights_sha256, "summary": summary}
