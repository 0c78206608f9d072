"""`lowtide store`: look after the store's file."""

from __future__ import annotations

from pathlib import Path

import click

from ._common import answer_options, emit


@click.group("store")
def command() -> None:
    """Look after the store: snapshot, verify."""


@command.command("snapshot")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--store", default=None, help="The store's file.")
@answer_options
def snapshot(file: Path, store: str | None, as_json: bool) -> None:
    """Write a consistent copy of the store to FILE, for analysts."""
    with _opened(store) as opened:
        opened.snapshot(file)
    answer = {"snapshot": str(file), "bytes": file.stat().st_size}
    emit(answer) if as_json else click.echo(f"Wrote {file}, {file.stat().st_size:,} bytes.")


@command.command("verify")
@click.option("--store", default=None, help="The store's file.")
@answer_options
def verify(store: str | None, as_json: bool) -> int:
    """Check the store against its own rules; exit 5 where one is broken."""
    with _opened(store) as opened:
        problems = opened.verify()
    if as_json:
        emit({"problems": problems})
    else:
        click.echo("\n".join(problems) if problems else "The store keeps all its rules.")
    return 5 if problems else 0


def _opened(path: str | None):  # type: ignore[no-untyped-def]
    from datetime import UTC, datetime

    from collector.store import Store

    from ..settings import load_settings

    return Store.open(load_settings(store=path).store_path, clock=lambda: datetime.now(UTC))
