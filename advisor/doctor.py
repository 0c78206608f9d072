"""What Lowtide needs on this machine, checked one thing at a time, each with its next step.

Nothing is changed and nothing is started. A check that cannot be made says so; it does not pass.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
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
    ok: bool | None  # None: it could not be made; that is no pass.
    seen: str
    fix: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the finding for `--json`."""
        return asdict(self)


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield the findings in the order a person would mend them."""
    yield python()
    yield from extras()
    yield disk(folder_of(settings.place))
    yield from data(settings)
    yield from live(settings)


def folder_of(place: object) -> Path:
    """Where the store takes room on this machine; a lake takes it for what does not fit in memory."""
    return place if isinstance(place, Path) else Path(tempfile.gettempdir())


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


def live(settings: Settings) -> Iterator[Finding]:
    """Check credentials of feeds and the clock, where the extra for it is installed."""
    try:
        from .doctor_feeds import feeds
    except ModuleNotFoundError as missing:
        yield Finding(check="feeds", ok=None, seen=f"not checked: {missing.name} is not installed")
        return
    yield from feeds(settings, lambda: datetime.now(UTC))


def data(settings: Settings) -> Iterator[Finding]:
    """Check the service, or else the store's file, and how old its facts are."""
    from model.errors import LowtideError

    from .client import Client, ServiceUnreachable
    from .doctor_feeds import sources

    where = settings.service_url
    with Client(where, settings.token) as client:
        try:
            status = client.status()
        except ServiceUnreachable:
            yield Finding(
                check="service", ok=True, seen=f"none at {where}; verbs will open the store themselves"
            )
            yield from stored(settings)
            return
        except LowtideError as refusal:  # Something is there, and it does not talk to us.
            yield Finding(check="service", ok=False, seen=refusal.seen, fix=refusal.fix)
            yield Finding(check="sources", ok=None, seen="not checked: the service did not say")
            return
        yield Finding(check="service", ok=True, seen=f"answers at {where}")
        yield held(str(settings.place), str(status["store"]), where)
        yield from ages(client.quality()["sources"])
        yield from sources(client.collect_status()["sources"])
        if status["synthetic"]:
            yield Finding(check="market", ok=True, seen="synthetic: made by the generator, not recorded")


def held(ours: str, theirs: str, where: str) -> Finding:
    """Say who holds the store's file; one that the service does not hold may be held by another."""
    if ours == theirs:
        return Finding(check="lock", ok=True, seen=f"{ours} is held by the service at {where}")
    return Finding(
        check="lock", ok=None, seen=f"not checked: the service at {where} holds {theirs}, and not {ours}"
    )


def stored(settings: Settings) -> Iterator[Finding]:
    """Check the store's file where no service holds it, and the sources it tells of."""
    from collector.store import Store
    from model.errors import LowtideError

    from .collecting import Collecting
    from .doctor_feeds import sources

    def now() -> datetime:
        return datetime.now(UTC)

    place = settings.place
    if isinstance(place, Path) and not place.exists():
        yield Finding(
            check="store", ok=False, seen=f"no store at {place}", fix="Type: lowtide collect sample"
        )
        return
    try:
        with Store.open(place, clock=now) as store:
            problems = store.verify()
            seen = "; ".join(problems) or f"{place} keeps all its rules"
            yield Finding(check="lock", ok=True, seen=f"nobody holds {place}")
            yield Finding(
                check="store",
                ok=not problems,
                seen=seen,
                fix="Type: lowtide store restore BACKUP, or collect again.",
            )
            known = Collecting(store, clock=now, config=settings.collect.config(), environ={})
            yield from sources(known.sources())
    except LowtideError as error:
        check = "lock" if error.slug == "store-locked" else "store"
        yield Finding(check=check, ok=False, seen=error.seen, fix=error.fix)


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
