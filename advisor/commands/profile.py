"""`lowtide profile`: what saving and restarting cost a training of the user's own."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ._common import answer_options, emit


@click.command("profile")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("lowtide-profile"),
    show_default=True,
    help="Empty folder, on the storage to be measured.",
)
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A plan whose tiers and keys are to be used.",
)
@click.option("--saves", type=click.IntRange(1), default=5, show_default=True, help="How many to measure.")
@answer_options
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD…")
def command(out: Path, plan_file: Path | None, saves: int, as_json: bool, words: tuple[str, ...]) -> None:
    """Run CMD for a few saves and one restart; print the lines of a job file that lowtide plan wants.

    CMD finds its plan in the environment (LOWTIDE_PLAN), or where it says {plan} and {spool}.
    """
    from trainer.attempt import plan_to_try
    from trainer.profile import profile
    from trainer.progress import Line

    with Line(sys.stderr) as line:
        found = profile(words, out=out, plan=plan_to_try(plan_file), saves=saves, say=line.say)
    if as_json:
        emit({**found.to_dict(), "toml": found.to_toml()})
        return
    click.echo(f"# A step {found.step_s:.4g} s, while saving {found.step_while_saving_s:.4g} s; ")
    click.echo(f"# a save {found.bytes_per_second / 1e6:.4g} MB/s until it is committed.")
    click.echo(found.to_toml())
