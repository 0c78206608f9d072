"""`lowtide serve`: feeds, store, model and the HTTP API in one process, the only opener of the store."""

from __future__ import annotations

from pathlib import Path

import click

from ._common import answer_options


@click.command("serve")
@click.option("--store", default=None, help="The store's file; made where it is missing.")
@click.option("--host", default=None, help="Address to bind; off loopback needs keys.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port; 0 takes a free one.")
@click.option(
    "--ready-file", type=click.Path(path_type=Path), default=None, help="Written with the address once ready."
)
@click.option("--no-collect", is_flag=True, help="Read no feed by the clock; lowtide collect still does.")
@answer_options
def command(
    store: str | None,
    host: str | None,
    port: int | None,
    ready_file: Path | None,
    no_collect: bool,
    as_json: bool,
) -> None:
    """Run the service until it is stopped; it reads the configured feeds by the clock."""
    from ..serving import serve
    from ..settings import load_settings

    collect = {"enabled": False} if no_collect else None
    serve(
        load_settings(store=store, host=host, port=port, collect=collect),
        ready_file=ready_file,
        as_json=as_json,
    )
