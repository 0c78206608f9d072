"""`lowtide run`: the reference launcher on this machine, with the bundled trainer."""

from __future__ import annotations

from pathlib import Path

import click

from ._common import emit, sample_option, service_options


@click.command("run")
@click.argument("job", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("lowtide-run"),
    show_default=True,
    help="Folder for plan, spool and checkpoints; must hold no earlier run.",
)
@click.option(
    "--steps", type=click.IntRange(1), default=200, show_default=True, help="Steps of the bundled trainer."
)
@sample_option
@service_options
def command(
    job: Path, out: Path, steps: int, sample: int | None, url: str | None, store: str | None, as_json: bool
) -> None:
    """Start JOB on this machine, survive its losses, and go on until it is done.

    The trainer runs here, whatever pool is chosen: this is the loop a cluster's launcher follows.
    """
    from ..connect import connected, newest
    from ..jobfile import read_spec
    from ..run_here import run_job
    from ..tables import print_run

    spec = read_spec(job)
    with connected(url=url, store=store, sample=sample) as client:
        as_of = None if sample is None else newest(client)
        run = run_job(client, spec, out=out, steps=steps, as_of=as_of)
    if as_json:
        emit(run)
        return
    print_run(run)
    click.echo(run["summary"])
