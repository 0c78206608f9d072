"""`lowtide collect SOURCE`: read market history into the store, once; or say how every feed stands."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from collector.feed_config import FEEDS

from ._common import emit, instant_of, service_options

UNREADABLE, ENVIRONMENT = 3, 4


def _since(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    return instant_of(value)


@click.command("collect")
@click.argument("source", type=click.Choice(["status", "all", *FEEDS, "recorded", "sample"]))
@click.argument("path", type=click.Path(path_type=Path, exists=True), required=False)
@click.option(
    "--since", callback=_since, metavar="INSTANT", help="Read from then on (a feed that keeps a history)."
)
@click.option("--region", "regions", multiple=True, help="Read this region only; may be repeated.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the synthetic market (sample).")
@service_options
def command(
    source: str, path: Path | None, since: datetime | None, regions: tuple[str, ...], seed: int,
    url: str | None, store: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Read SOURCE once: a feed (aws, gcp, …), `all` that are configured, `recorded PATH` (a file or
    folder of recorded history) or `sample` (synthetic). `status` reads nothing and says how each
    live source stands."""
    _refuse_mixtures(source, path, since, regions)
    from ..connect import connected

    with connected(url=url, store=store) as client:
        if source == "status":
            return _show_status(client.collect_status(), as_json)
        from ..watching import watched

        where = str(path.resolve()) if path else None
        reports = watched(
            client, lambda: client.collect(source, path=where, seed=seed, since=since, regions=regions)
        )
    return _show(reports, as_json)


def _refuse_mixtures(
    source: str, path: Path | None, since: datetime | None, regions: tuple[str, ...]
) -> None:
    """Refuse what belongs to another source."""
    if source == "recorded" and path is None:
        raise click.UsageError("collect recorded needs the PATH of a file or folder.")
    if source != "recorded" and path is not None:
        raise click.UsageError(f"collect {source} takes no PATH; only collect recorded does.")
    if source in ("status", "recorded", "sample") and (since or regions):
        raise click.UsageError(f"collect {source} takes neither --since nor --region; feeds do.")
    if source == "all" and regions:
        raise click.UsageError("collect all takes no --region, for each feed has its own; name one feed.")


def _show_status(answer: dict[str, Any], as_json: bool) -> int:
    from rich.console import Console

    from ..collect_tables import status_renderable

    emit(answer) if as_json else Console().print(status_renderable(answer))
    return 0


def _show(reports: list[dict[str, Any]], as_json: bool) -> int:
    """Print the reports; the exit code of a live pass that could read nothing says why."""
    from rich.console import Console

    from ..tables import ingest_renderable

    emit(reports) if as_json else Console().print(ingest_renderable(reports))
    outcomes = {report["outcome"] for report in reports if "outcome" in report}
    if not outcomes or "ok" in outcomes:
        return 0
    return UNREADABLE if outcomes == {"unreadable"} else ENVIRONMENT
