"""`lowtide drill`: kill a training of the user's own again and again, and say whether anything was lost."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from ._common import answer_options, emit

CHECK_FAILED = 5


@click.command("drill")
@click.option("--kills", type=click.IntRange(1), default=20, show_default=True, help="How many must land.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is struck when.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("lowtide-drill"),
    show_default=True,
    help="Empty folder, on the storage to be tried.",
)
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A plan whose tiers, keys and notice are to be tried.",
)
@click.option(
    "--save-every", "save_every_s", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
    help="Useful seconds between saves (default: 20 saves in a run).",
)  # fmt: skip
@click.option(
    "--notice", "notice_s", type=click.FloatRange(0), default=30.0, show_default=True, metavar="SECONDS",
    help="Between SIGTERM and SIGKILL, where no plan says so.",
)  # fmt: skip
@answer_options
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD…")
def command(
    kills: int, seed: int, out: Path, plan_file: Path | None, save_every_s: float | None, notice_s: float,
    as_json: bool, words: tuple[str, ...],
) -> int:  # fmt: skip
    """Start CMD, kill it, start it again, and compare the end with a run that nothing happened to.

    CMD finds its plan in the environment (LOWTIDE_PLAN), or where it says {plan} and {spool}.
    Exit code 5: something was lost.
    """
    from trainer.attempt import plan_to_try
    from trainer.drill import drill
    from trainer.drill_report import table
    from trainer.progress import Line

    with Line(sys.stderr) as line:
        verdict, starts = drill(
            words, kills=kills, out=out, plan=plan_to_try(plan_file, notice_s), seed=seed,
            save_every_s=save_every_s, say=line.say,
        )  # fmt: skip
    if as_json:
        emit({**verdict.to_dict(), "all_starts": [asdict(start) for start in starts]})
    else:
        click.echo(table(verdict, starts))
    return 0 if verdict.ok else CHECK_FAILED
