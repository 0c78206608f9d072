"""`lowtide backtest`: score forecasts, estimates and choices against the recorded history."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from ._common import emit, instant_of, service_options
from ._policies import replayed


def _instant(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    return instant_of(value)


def _hours(ctx: click.Context, param: click.Parameter, value: str) -> float:
    number, unit = value[:-1], value[-1:]
    try:
        hours = float(number) * {"h": 1.0, "d": 24.0}[unit]
    except (ValueError, KeyError):
        raise click.BadParameter(f"{value!r} is not a length of time. Write hours or days: 6h, 1d.") from None
    if not 0.25 <= hours <= 24 * 366:
        raise click.BadParameter(f"{value!r} is outside 0.25h to 366d.")
    return hours


@click.command("backtest")
@click.option(
    "--from", "from_at", callback=_instant, metavar="INSTANT",
    help="First origin (default: the middle of the newest record of probes).",
)  # fmt: skip
@click.option(
    "--until", "until_at", callback=_instant, metavar="INSTANT",
    help="Score nothing after it (default: the newest probe).",
)  # fmt: skip
@click.option(
    "--every", "every_hours", callback=_hours, default="24h", show_default=True,
    help="Learn anew this often: 6h, 1d.",
)  # fmt: skip
@click.option(
    "--job", type=click.Path(path_type=Path, dir_okay=False), default=None, metavar="JOB.toml",
    help="A job to start at every origin: scores cost, finish and the pool ranked first.",
)  # fmt: skip
@click.option(
    "--jobs", "workers", type=click.IntRange(1, 256), default=1, show_default=True,
    help="How many origins to score at once.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["processes", "ray"]), default="processes", show_default=True,
    help="Where to score them: processes of the service's machine, or a Ray cluster.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of draws."
)
@click.option(
    "--policies", default=None, metavar="all|NAME,NAME",
    help="Replay policies under a deadline instead: ours, its published peers, and the omniscient bound.",
)  # fmt: skip
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True), default=None, metavar="FOLDER",
    help="With --policies: read this recorded history, and no store.",
)  # fmt: skip
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), default=None, metavar="PAGE.html",
    help="With --policies: also write the figures as a page with charts.",
)  # fmt: skip
@service_options
def command(
    from_at: datetime | None, until_at: datetime | None, every_hours: float, job: Path | None, workers: int,
    engine: str, seed: int, policies: str | None, data: Path | None, report: Path | None, url: str | None,
    store: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Score Lowtide against what was recorded: availability forecasts, lifetimes, and with --job the cost,
    the finish and the choice of pool. The figures are kept; GET /v1/quality and the pages show the newest.

    With --policies, decisions under a deadline are replayed instead: cost, missed deadlines and the share of
    the gap to omniscience closed, by zone and day.
    """
    if policies is not None:
        if job is not None:
            raise click.UsageError("--policies replays jobs of its own; leave --job away.")
        asked = {"from_at": from_at, "until_at": until_at, "every_hours": every_hours, "seed": seed}
        replayed(policies, data, report, {**asked, "workers": workers, "engine": engine}, url, store, as_json)
        return
    if data is not None or report is not None:
        raise click.UsageError("--data and --report go with --policies.")
    if from_at and until_at and from_at >= until_at:
        raise click.UsageError("--from is not before --until.")
    from rich.console import Console

    from ..backtest_tables import backtest_renderable
    from ..backtest_watching import scoring
    from ..connect import connected
    from ..jobfile import read_spec

    spec = None if job is None else read_spec(job)
    with connected(url=url, store=store) as client:
        found = scoring(
            client,
            lambda: client.backtest(
                from_at=from_at, until_at=until_at, every_hours=every_hours, spec=spec, seed=seed,
                workers=workers, engine=engine,
            ),
        )  # fmt: skip
    emit(found) if as_json else Console().print(backtest_renderable(found))
