"""The verbs of `lowtide ckpt`: each returns its answer, its lines of text and its exit code."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from ..errors import TrainerError
from .catalogue import CatalogueRow, catalogue
from .cli import CHECK_FAILED
from .collection import collect as collect_runs
from .crypt import Keyring
from .export import export_safetensors
from .frames import BadBlock
from .layout import generations
from .local_store import LocalStore
from .manifest import BadManifest
from .retention import GRACE_S, Retention, sweep, unpin
from .retention import pin as pin_one
from .rotate import rotate as rotate_all
from .stores import Absent, Store, open_store
from .transfer import Moved
from .transfer import migrate as migrate_all

T = TypeVar("T")
Answer = tuple[dict[str, Any], list[str], int]


class CheckFailed(TrainerError):
    """Something that was read is not right."""

    exit_code = CHECK_FAILED


class NoSuchCheckpoint(TrainerError):
    """There is no such generation."""

    exit_code = 2


class NoSuchStore(TrainerError):
    """There is no such folder."""

    exit_code = 2


class Usage(TrainerError):
    """A value that an option does not take."""

    exit_code = 2


def ls(asked: Namespace) -> Answer:
    """List every checkpoint over the stores; 5 where there are some and none can be read."""
    rows = catalogue(_there(*asked.stores))
    good = any(row.is_good for row in rows) or not rows
    lines = [_line(row) for row in rows] or ["No checkpoint yet."]
    return {"checkpoints": [row.to_json() for row in rows]}, lines, 0 if good else CHECK_FAILED


def verify(asked: Namespace) -> Answer:
    """Read everything back; 5 where a copy is damaged, or there is nothing."""
    stores = _there(*asked.stores)
    rows = catalogue(stores, keyring=Keyring.read(asked.key_ref), thoroughly=True)
    if asked.generation is not None:
        rows = [row for row in rows if row.generation == asked.generation]
    if not rows:
        raise CheckFailed("There is nothing to verify.", fix="Type lowtide ckpt ls STORE.")
    bad = [each for row in rows for each in row.stores if each.state in ("damaged", "another")]
    lines = [_line(row) for row in rows] + [f"{each.url}: {each.reason}" for each in bad]
    answer = {"valid": not bad, "checkpoints": [row.to_json() for row in rows]}
    return answer, lines, CHECK_FAILED if bad else 0


def export(asked: Namespace) -> Answer:
    """Write the weights of one checkpoint."""
    store = _there(asked.store)[0]
    number = _present(store, None if asked.generation is None else [asked.generation])[0]
    done = _checked(lambda: export_safetensors(store, number, asked.hf, keyring=Keyring.read(asked.key_ref)))
    lines = [f"Wrote {done.tensors} tensors of generation {number}, {done.bytes:,} bytes, to {done.folder}."]
    return {"generation": number, **asdict(done)}, lines, 0


def gc(asked: Namespace) -> Answer:
    """Mark and sweep; 5 where nothing could be removed."""
    grace_s = GRACE_S if asked.grace_s is None else asked.grace_s
    if asked.keep < 1 or grace_s <= 0 or (asked.every is not None and asked.every < 1):
        raise Usage("--keep and --every begin at 1, --grace-s above 0.", fix="Keep one at least.")
    policy = Retention(newest=asked.keep, every=asked.every)
    swept = sweep(_there(asked.store)[0], policy, keyring=Keyring.read(asked.key_ref), grace_s=grace_s)
    lines = [
        f"Kept {len(swept.kept)} checkpoints, removed {len(swept.dropped)}, "
        f"freed {swept.freed_bytes:,} bytes; {swept.marked} objects go after {grace_s:g} s."
    ]
    if swept.refused is not None:
        lines.append(f"Stopped: {swept.refused}.")
    return asdict(swept), lines, 0 if swept.refused is None else CHECK_FAILED


def migrate(asked: Namespace) -> Answer:
    """Copy a run into another store."""
    source, destination = _there(asked.source)[0], open_store(asked.destination)
    _present(source, asked.generation)
    keyring = Keyring.read(asked.key_ref)
    return _moved(
        _checked(lambda: migrate_all(source, destination, keyring=keyring, only=asked.generation)),
        destination,
    )


def collect(asked: Namespace) -> Answer:
    """Copy many runs into one store."""
    sources, collection = _there(*asked.sources), open_store(asked.collection)
    keyring = Keyring.read(asked.key_ref)
    moved = _checked(
        lambda: collect_runs(sources, collection, keyring=keyring, newest_only=asked.newest_only)
    )
    return _moved(moved, collection)


def pin(asked: Namespace) -> Answer:
    """Pin, or unpin."""
    store = _there(asked.store)[0]
    if asked.remove:
        unpin(store, asked.generation)
    else:
        try:
            pin_one(store, asked.generation)
        except Absent as absent:
            raise NoSuchCheckpoint(f"{store.url}: {absent}.", fix="Type lowtide ckpt ls STORE.") from None
    word = "is no longer pinned" if asked.remove else "is pinned"
    answer = {"generation": asked.generation, "pinned": not asked.remove}
    return answer, [f"Generation {asked.generation} {word}."], 0


def rotate(asked: Namespace) -> Answer:
    """Wrap secrets anew."""
    keyring = Keyring.read(asked.key_ref)
    if keyring is None:
        raise Usage("No keyring was named.", fix="Pass --key-ref file:PATH, the newest key last.")
    store = _there(asked.store)[0]
    done = _checked(lambda: rotate_all(store, keyring))
    answer = {"rotated": done, "key_id": keyring.newest[0]}
    return answer, [f"{len(done)} checkpoints are wrapped with key {keyring.newest[0]} now."], 0


def _there(*urls: str) -> list[Store]:
    """Open stores to read; where none is there it was a slip of the pen, not a run without checkpoints."""
    stores = [open_store(url) for url in urls]
    absent = [each for each in stores if isinstance(each, LocalStore) and not each.root.is_dir()]
    if len(absent) == len(stores):
        raise NoSuchStore(f"There is no folder {absent[0].root}.", fix="Correct the path of the store.")
    return stores


def _present(store: Store, wanted: list[int] | None) -> list[int]:
    """Return the wanted generations, or all that there are, the newest first."""
    found = generations(store)
    if not found:
        raise NoSuchCheckpoint(f"{store.url} holds no checkpoint.", fix="Name another store.")
    absent = [each for each in wanted or [] if each not in found]
    if absent:
        raise NoSuchCheckpoint(
            f"{store.url} holds no generation {absent[0]}.", fix="Type lowtide ckpt ls STORE."
        )
    return found if wanted is None else wanted


def _checked(act: Callable[[], T]) -> T:
    """Do it; a block that is not right is a failed check."""
    try:
        return act()
    except (BadBlock, BadManifest, Absent) as bad:
        seen = bad.seen if isinstance(bad, BadManifest) else f"{bad}."
        raise CheckFailed(seen, fix="Type lowtide ckpt verify STORE; take another checkpoint.") from None


def _moved(moved: list[Moved], where: Store) -> Answer:
    copied, kept = sum(each.copied_bytes for each in moved), sum(each.kept_bytes for each in moved)
    there = sum(each.was_there for each in moved)
    lines = [
        f"{len(moved)} checkpoints stand verified in {where.url}: {there} were there, "
        f"{copied:,} bytes were sent, {kept:,} bytes were there already."
    ]
    answer = {"moved": [asdict(each) for each in moved], "copied_bytes": copied, "kept_bytes": kept}
    return answer, lines, 0


def _line(row: CatalogueRow) -> str:
    body = row.manifest
    what = "unreadable" if body is None else f"step {body.step}  tier {body.tier}  {body.bytes:,} bytes"
    states = "  ".join(each.state for each in row.stores)
    return f"{row.generation:>9}  {what}  {states}{'  pinned' if row.pinned else ''}"
