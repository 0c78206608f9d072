"""`lowtide run`: one job from its recommendation to its end, on this machine."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from model.errors import ImpossibleInput

from .client import Client
from .cloud import LocalCloud
from .executor import LocalExecutor
from .launch import Launcher, wall_now
from .progress import RunClock


def run_job(
    client: Client, spec: Any, *, out: Path, steps: int, as_of: datetime | str | None = None
) -> dict[str, Any]:
    """Run a job on this machine to its end: what `lowtide run` does.

    Args:
        client: The service.
        spec: The job, as `Client.recommend` takes it.
        out: A folder that holds no earlier run.
        steps: Steps of the bundled trainer.
        as_of: When the job starts, market time; now by default.

    Returns:
        The run as the service tells it, with the hash of the weights and a summary in words.

    Raises:
        ImpossibleInput: `out` holds an earlier run.
    """
    if (out / "spool").exists():
        raise ImpossibleInput(f"{out} holds an earlier run.", fix="Pass --out with a new folder.")
    found = client.recommend(spec, as_of=as_of)
    clock = RunClock(market_origin_at=datetime.fromisoformat(found["as_of"]), wall_origin_at=wall_now())
    launcher = Launcher(client, LocalCloud(), LocalExecutor(["--steps", str(steps)]), clock=clock, room=out)
    outcome = launcher.run(found["recommendation_id"])
    summary = (
        f"Run {outcome.run_id} is done on this machine: {outcome.ends[-1].step} steps in "
        f"{len(outcome.ends)} attempts. Weights {outcome.weights_sha256}. Everything is in {out}."
    )
    told = client.run(outcome.run_id)
    return {**told, "weights_sha256": outcome.weights_sha256, "summary": summary}
