"""The part of `lowtide backtest` that replays policies under a deadline."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ._common import emit


def replayed(
    policies: str, data: Path | None, report: Path | None, asked: dict[str, Any], url: str | None,
    store: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Have policies replayed, and print what they came to.

    Args:
        policies: `all`, or names with commas between.
        data: A folder of recorded history to read in the place of a store.
        report: Where to write a page with charts.
        asked: The rest of the request.
        url: Of the service.
        store: A store's file.
        as_json: Print one JSON object.
    """
    from rich.console import Console

    from ..backtest_watching import scoring
    from ..connect import connected
    from ..policy_tables import policies_page, policies_renderable

    names = None if policies == "all" else [name.strip() for name in policies.split(",")]
    with _folder(data) if data else nullcontext(None) as place, connected(
        url=url, store=place or store
    ) as client:  # fmt: skip
        if data:
            client.collect("recorded", path=str(data.resolve()))
        found = scoring(client, lambda: client.backtest_policies(policies=names, **asked))
    if report:
        report.write_text(policies_page(found), encoding="utf-8")
    emit(found) if as_json else Console().print(policies_renderable(found))


def _folder(data: Path) -> Any:
    """Return a context with the file of a store that lasts as long as the verb."""
    from contextlib import contextmanager
    from tempfile import TemporaryDirectory

    @contextmanager
    def made() -> Any:
        with TemporaryDirectory() as room:
            yield str(Path(room) / "history.duckdb")

    return made()
