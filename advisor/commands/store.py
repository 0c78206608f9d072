"""`lowtide store`: look after the store, through the service that holds it or one started for the verb.

Only `restore` opens no store and asks no service: it makes a file that nobody holds yet.
"""

from __future__ import annotations

from pathlib import Path

import click

from ._common import answer_options, emit, service_options

CHECK_FAILED = 5


@click.group("store")
def command() -> None:
    """Look after the store: snapshot, backup, restore, verify."""


@command.command("snapshot")
@click.argument("file", type=click.Path(path_type=Path))
@service_options
def snapshot(file: Path, url: str | None, store: str | None, as_json: bool) -> None:
    """Write a consistent copy of the store to FILE, for analysts; a running service may go on."""
    from ..connect import connected

    with connected(url=url, store=store) as client:
        answer = client.snapshot(str(file.resolve()))
    emit(answer) if as_json else click.echo(f"Wrote {answer['path']}, {answer['bytes']:,} bytes.")


@command.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@service_options
def backup(file: Path, url: str | None, store: str | None, as_json: bool) -> None:
    """Write all facts, runs and records to FILE: a tar of Parquet with checksums, for `restore`.
    A running service may go on."""
    from ..connect import connected

    with connected(url=url, store=store) as client:
        answer = client.backup(str(file.resolve()))
    if as_json:
        emit(answer)
    else:
        click.echo(f"Wrote {answer['path']}, {answer['rows']:,} rows, {answer['bytes']:,} bytes.")


@command.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--store", default=None, help="The store to make (a .duckdb file); never one that holds facts.")
@answer_options
def restore(file: Path, store: str | None, as_json: bool) -> int:
    """Make a store from the backup FILE, after checking all of it; exit 5 where that store broke a rule."""
    from collector.restore import restore as restored

    from ..serving import utc_now

    path = _new_file(store)
    made = restored(file, path, clock=utc_now)
    manifest = made.manifest
    if as_json:
        emit({
            "path": str(path), "rows": manifest.rows, "as_of": manifest.as_of, "program": manifest.program,
            "tables": {piece.table: piece.rows for piece in manifest.pieces}, "problems": made.problems,
        })  # fmt: skip
    else:
        click.echo(f"Made {path}, {manifest.rows:,} rows, as of {manifest.as_of:%Y-%m-%d %H:%M} UTC.")
        click.echo("\n".join(made.problems) or "The store keeps all its rules.")
    return CHECK_FAILED if made.problems else 0


def _new_file(store: str | None) -> Path:
    """The file to make; a lake has writers of its own."""
    from model.errors import ImpossibleInput

    from ..settings import load_settings

    place = load_settings(store=store).place
    if not isinstance(place, Path):
        raise ImpossibleInput(
            "A backup is restored into a file, and the store is a lake.", fix="Name a file with --store."
        )
    return place


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
