"""What the verbs share: the `--json` and `--url` options, and how an answer is printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def answer_options(function: F) -> F:
    """Add `--json`, which every verb has."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")(
        function
    )


def service_options(function: F) -> F:
    """Add the options of verbs that ask the service: `--url`, `--store` and `--json`."""
    store = click.option(
        "--store", default=None, help="Store to open where no service answers (a .duckdb file)."
    )
    url = click.option("--url", default=None, help="Address of the service, e.g. http://127.0.0.1:8787.")
    return answer_options(store(url(function)))


def sample_option(function: F) -> F:
    """Add `--sample SEED`: answer from the embedded market instead of the store."""
    return click.option(
        "--sample", type=int, default=None, help="Use the embedded, synthetic market of this seed; no store."
    )(function)


def history_options(function: F) -> F:
    """Add `--window` and `--borrow`: how much history to use, and whose where a pool has too little."""
    borrow = click.option(
        "--borrow",
        type=click.Choice(["none", "region", "provider"]),
        default=None,
        help="How far sibling pools may speak for one hardly watched (default: as the job file says).",
    )
    window = click.option(
        "--window",
        "window_hours",
        callback=_hours,
        default="30d",
        show_default=True,
        help="How much history to use: 90d, 720h.",
    )
    return window(borrow(function))


def _hours(ctx: click.Context, param: click.Parameter, value: str) -> int:
    number, unit = value[:-1], value[-1:]
    counted = number.isascii() and number.isdigit() and len(number) < 10
    if unit not in ("d", "h") or not counted or int(number) == 0:
        raise click.BadParameter(f"{value!r} is not a window. Write days or hours: 90d, 720h.")
    return int(number) * (24 if unit == "d" else 1)


def as_of_option(function: F) -> F:
    """Add `--as-of INSTANT`: answer with what was known then."""
    return click.option(
        "--as-of", callback=_instant, metavar="INSTANT", help="Use only what was known then (default: now)."
    )(function)


def _instant(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    return instant_of(value)


def instant_of(value: str | None) -> datetime | None:
    """Read 2023-03-01 or 2023-03-01T12:00:00Z; a time of day without a zone is refused."""
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not an instant. Write 2023-03-01T12:00:00Z.") from None
    if parsed.tzinfo is None and len(value) > len("2023-03-01"):
        raise click.BadParameter(f"{value!r} has no zone. Write {value}Z for UTC.")
    try:
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError:
        raise click.BadParameter(f"{value!r} lies outside the calendar.") from None


def emit(answer: Any) -> None:
    """Print an answer as one JSON object."""
    click.echo(json.dumps(answer, default=str, ensure_ascii=False))
