"""`lowtide run`: the reference launcher on this machine, with the bundled trainer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._common import as_of_option, emit, sample_option, service_options

if TYPE_CHECKING:
    from datetime import datetime

    from ..client import Client


@click.command("run")
@click.argument("job", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("lowtide-run"),
    show_default=True,
    help="Folder for plan, spool and checkpoints.",
)
@click.option(
    "--steps", type=click.IntRange(1), default=200, show_default=True, help="Steps of the bundled trainer."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of model, data and dropout.")
@as_of_option
@sample_option
@service_options
def command(
    job: Path,
    out: Path,
    steps: int,
    seed: int,
    as_of: datetime | None,
    sample: int | None,
    url: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Start JOB on this machine, survive its losses, and go on until it is done.

    The trainer runs here, whatever pool is chosen: this is the loop a cluster's launcher follows.
    """
    from ..connect import connected
    from ..jobfile import read_spec
    from ..tables import print_run

    spec = read_spec(job)
    with connected(url=url, store=store, sample=sample) as client:
        run = _launched(
            client, spec, as_of=as_of, out=out, options=("--steps", str(steps), "--seed", str(seed))
        )
    if as_json:
        emit(run)
    else:
        print_run(run)


def _launched(
    client: Client, spec: Any, *, as_of: datetime | None, out: Path, options: tuple[str, ...]
) -> dict[str, Any]:
    from datetime import datetime

    from ..cloud import LocalCloud
    from ..executor import LocalExecutor
    from ..launch import Launcher, wall_now
    from ..progress import RunClock

    answer = client.recommend(spec, as_of=as_of)
    clock = RunClock(
        market_origin_at=datetime.fromisoformat(answer["as_of"]), wall_origin_at=wall_now(), compression=1.0
    )
    launcher = Launcher(client, LocalCloud(), LocalExecutor(options), clock=clock, room=out)
    return client.run(launcher.run(answer["recommendation_id"]).run_id)
