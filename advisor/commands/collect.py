"""`lowtide collect SOURCE`: read market history into the store, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ._common import emit, service_options


@click.command("collect")
@click.argument("source", type=click.Choice(["recorded", "sample"]))
@click.argument("path", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the synthetic market (sample).")
@service_options
def command(
    source: str, path: Path | None, seed: int, url: str | None, store: str | None, as_json: bool
) -> None:
    """Collect from SOURCE: `recorded PATH` (a file or folder of recorded history) or `sample` (synthetic)."""
    if source == "recorded" and path is None:
        raise click.UsageError("collect recorded needs the PATH of a file or folder.")
    from rich.console import Console

    from ..connect import connected
    from ..tables import ingest_renderable

    console = Console(stderr=True)
    with (
        connected(url=url, store=store) as client,
        console.status(f"Reading {path or 'the synthetic market'} …"),
    ):
        reports: list[dict[str, Any]] = client.collect(
            source, path=str(path.resolve()) if path else None, seed=seed
        )
    if as_json:
        emit(reports)
    else:
        Console().print(ingest_renderable(reports))
