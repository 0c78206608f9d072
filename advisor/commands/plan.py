"""`lowtide plan`: choose a pool for a job and write what the trainer will be told."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from ._common import as_of_option, emit, history_options, sample_option, service_options


@click.command("plan")
@click.argument("job", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("plan.json"),
    show_default=True,
    help="Where to write the plan.",
)
@click.option(
    "--rank",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Which option of the ranking to take.",
)
@click.option(
    "--checkpoints",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder for checkpoints (default: beside the plan).",
)
@history_options
@as_of_option
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of the draws behind the intervals."
)
@sample_option
@service_options
def command(
    job: Path,
    out: Path,
    rank: int,
    window_hours: int,
    borrow: str | None,
    checkpoints: Path | None,
    as_of: datetime | None,
    seed: int,
    sample: int | None,
    url: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Recommend for JOB, open a run, and write its plan.json."""
    from ..connect import connected, newest
    from ..jobfile import borrowing, read_spec
    from ..tables import print_recommendation

    folder = (checkpoints or out.parent / "checkpoints").resolve()
    with connected(url=url, store=store, sample=sample) as client:
        spec = borrowing(read_spec(job), borrow)
        asked = newest(client) if as_of is None and sample is not None else as_of
        answer = client.recommend(spec, as_of=asked, seed=seed, window_hours=window_hours)
        run = client.open_run(answer["recommendation_id"], rank=rank, stores={"local_dir": str(folder)})
    out.write_text(json.dumps(run["plan"], indent=2) + "\n")
    if as_json:
        emit({"run_id": run["run_id"], "plan": str(out), "recommendation": answer})
        return
    print_recommendation(answer)
    click.echo(f"Run {run['run_id']}, attempt {run['attempt']}: the plan is in {out}.")
