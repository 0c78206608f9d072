"""`lowtide demo`: the whole loop, offline, on the embedded market or on recorded history."""

from __future__ import annotations

from pathlib import Path

import click

from ._common import answer_options, emit


@click.command("demo")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=None,
    help="Folder of recorded history (default: the embedded, synthetic market).",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Changes the market, the ranking and the kills."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("demo-out"),
    show_default=True,
    help="Folder for the report and everything behind it.",
)
@answer_options
def command(data: Path | None, seed: int, out: Path, as_json: bool) -> int:
    """Market, ranking, plan, a training run under real kills, and a report of predicted against realised."""
    from ..demo import run_demo

    result = run_demo(data=data, seed=seed, out=out, as_json=as_json)
    if as_json:
        emit(result.as_dict())
    return int(result.exit_code)
