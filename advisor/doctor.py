"""What Lowtide needs on this machine, checked one thing at a time, each with its next step.

Nothing is changed and nothing is started. A check that cannot be made says so; it does not pass.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .settings import Settings

OLDEST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 1_000_000_000
NEEDS = {
    "server": ("duckdb", "fastapi", "scipy"),
    "dashboard": ("streamlit", "altair"),
    "trainer": ("torch", "blake3"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: whether it passed, what was seen, and what to do where it did not."""

    check: str
    ok: bool
    seen: str
    fix: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the finding for `--json`."""
        return asdict(self)


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield the findings in the order a person would mend them."""
    yield python()
    yield from extras()
    yield disk(settings.store_path)
    yield from data(settings)


def python() -> Finding:
    """Check the interpreter's version."""
    seen = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        check="Python", ok=sys.version_info >= OLDEST_PYTHON, seen=seen, fix="Install Python 3.11 or newer."
    )


def extras() -> Iterator[Finding]:
    """Check which extras are installed."""
    for extra, modules in NEEDS.items():
        missing = [name for name in modules if find_spec(name) is None]
        seen = f"missing {', '.join(missing)}" if missing else "installed"
        yield Finding(
            check=f"extra {extra}", ok=not missing, seen=seen, fix=f"Type: pip install 'lowtide[{extra}]'"
        )


def disk(store: Path) -> Finding:
    """Check the free space where the store lives or will live."""
    folder = next(path for path in (store, *store.parents) if path.is_dir())
    free = shutil.disk_usage(folder).free
    seen = f"{free / 1e9:.1f} GB free at {folder}"
    return Finding(
        check="disk",
        ok=free >= LEAST_FREE_BYTES,
        seen=seen,
        fix="Free 1 GB, or set LOWTIDE_STORE to another disk.",
    )


def data(settings: Settings) -> Iterator[Finding]:
    """Check the service, or else the store's file, and how old its facts are."""
    from model.errors import LowtideError

    from .client import Client

    try:
        with Client(settings.service_url, settings.token) as client:
            status = client.status()
            yield Finding(check="service", ok=True, seen=f"answers at {settings.service_url}")
            yield from ages(client.quality()["sources"])
            if status["synthetic"]:
                yield Finding(check="market", ok=True, seen="synthetic: made by the generator, not recorded")
    except LowtideError:
        yield Finding(
            check="service",
            ok=True,
            seen=f"none at {settings.service_url}; verbs will open the store themselves",
        )
        yield from stored(settings.store_path)


def stored(path: Path) -> Iterator[Finding]:
    """Check the store's file where no service holds it."""
    from collector.store import Store
    from model.errors import LowtideError

    if not path.exists():
        yield Finding(check="store", ok=False, seen=f"no store at {path}", fix="Type: lowtide collect sample")
        return
    try:
        with Store.open(path, clock=lambda: datetime.now(UTC)) as store:
            problems = store.verify()
            seen = "; ".join(problems) or f"{path} keeps all its rules"
            yield Finding(
                check="store", ok=not problems, seen=seen, fix="Restore a snapshot, or collect again."
            )
    except LowtideError as error:
        yield Finding(check="store", ok=False, seen=error.seen, fix=error.fix)


def ages(sources: list[dict[str, object]]) -> Iterator[Finding]:
    """Say how old each source is; age alone is no failure, since recorded history is old by nature."""
    from .format import age

    if not sources:
        yield Finding(
            check="sources", ok=False, seen="the store holds no facts", fix="Type: lowtide collect sample"
        )
    for source in sources:
        seconds = source["age_s"]
        seen = (
            f"{source['rows']} rows, newest {age(seconds)} old"
            if isinstance(seconds, (int, float))
            else "no rows"
        )
        yield Finding(check=f"source {source['source_id']}", ok=True, seen=seen)
