"""`lowtide store`: look after the store, through the service that holds it or one started for the verb."""

from __future__ import annotations

from pathlib import Path

import click

from ._common import emit, service_options

CHECK_FAILED = 5


@click.group("store")
def command() -> None:
    """Look after the store: snapshot, verify."""


@command.command("snapshot")
@click.argument("file", type=click.Path(path_type=Path))
@service_options
def snapshot(file: Path, url: str | None, store: str | None, as_json: bool) -> None:
    """Write a consistent copy of the store to FILE, for analysts; a running service may go on."""
    from ..connect import connected

    with connected(url=url, store=store) as client:
        answer = client.snapshot(str(file.resolve()))
    emit(answer) if as_json else click.echo(f"Wrote {answer['path']}, {answer['bytes']:,} bytes.")


@command.command("verify")
@service_options
def verify(url: str | None, store: str | None, as_json: bool) -> int:
    """Check the store against its own rules; exit 5 where one is broken."""
    from ..connect import connected

    with connected(url=url, store=store) as client:
        problems: list[str] = client.verification()["problems"]
    if as_json:
        emit({"problems": problems})
    else:
        click.echo("\n".join(problems) or "The store keeps all its rules.")
    return CHECK_FAILED if problems else 0
