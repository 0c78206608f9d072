"""`lowtide run`: the reference launcher on this machine, with the bundled trainer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ._common import emit, sample_option, service_options


@click.command("run")
@click.argument("job", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("lowtide-run"),
    show_default=True,
    help="Folder for plan, spool and checkpoints; must hold no earlier run.",
)
@click.option(
    "--resume", is_flag=True, help="Go on with the run in --out after its launcher stopped or died."
)
@click.option("--steps", type=click.IntRange(1), help="Steps of the bundled trainer.  [default: 200]")
@sample_option
@service_options
def command(
    job: Path | None,
    out: Path,
    resume: bool,
    steps: int | None,
    sample: int | None,
    url: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Start JOB on this machine, survive its losses, and go on until it is done.

    The trainer runs here, whatever pool is chosen: this is the loop a cluster's
    launcher follows. With --resume it goes on from the newest checkpoint, with
    the job, the steps and the service that the run was begun with.
    """
    from ..jobfile import read_spec
    from ..tables import print_run

    if resume:
        if job is not None or steps is not None or sample is not None:
            raise click.UsageError(
                "--resume goes on as the run was begun: leave JOB, --steps, --sample away."
            )
        run = _go_on(out, url, store)
    elif job is None:
        raise click.UsageError("Name a JOB, or pass --resume to go on with the run in --out.")
    else:
        run = _begin(read_spec(job), out, steps or 200, url, store, sample)
    if as_json:
        emit(run)
        return
    print_run(run)
    click.echo(run["summary"])


@contextmanager
def _resumable(out: Path) -> Iterator[None]:
    """Say how to go on with a run that stops before its end, whatever stopped it."""
    try:
        yield
    except BaseException:
        if (out / "plans").exists():
            click.echo(f"What was saved is kept. Go on with: lowtide run --resume --out {out}", err=True)
        raise


def _begin(
    spec: Any, out: Path, steps: int, url: str | None, store: str | None, sample: int | None
) -> dict[str, Any]:
    from ..connect import newest
    from ..run_here import Begun, run_job

    begun = Begun(steps=steps, url=url, store=store, sample=sample)
    begun.write(out)
    with _resumable(out), begun.service(out) as client:
        as_of = None if sample is None else newest(client)
        return run_job(client, spec, out=out, steps=steps, as_of=as_of)


def _go_on(out: Path, url: str | None, store: str | None) -> dict[str, Any]:
    from ..run_here import Begun, resume_job

    begun = Begun.read(out)
    if url or store:  # It may answer elsewhere by now.
        begun = replace(begun, url=url, store=store, sample=None)
    with _resumable(out), begun.service(out) as client:
        return resume_job(client, out=out, steps=begun.steps)
