"""Finishes, at a start, a save that was local on every node when they went, where all of its parts are back.

The checkpoint does not exist before: what is missing in the shared store is carried there, and the root is
created, by the attempt that starts. Only what goes on from the newest checkpoint is finished; a run that went
on elsewhere meanwhile has left it behind.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import TrainerError
from .carrying import carry_part
from .crypt import Keyring, KeyTrouble, RunSecret
from .fence import Fence
from .frame_index import FrameIndex
from .frames import BadBlock
from .layout import DRAFTS, RANKS, generations, manifest_key, next_generation, save_id_of
from .manifest import BadManifest, Manifest, RankEntry, RootFile, rank_from_bytes, root_from_bytes
from .ranks import Ranks
from .reading import unlock
from .rooting import create_root
from .saves import Committed
from .stores import Absent, Store

CONSIDERED = 3  # The newest drafts of each node.
LIFE = 3  # Place of the life in a save's name.
PATIENCE_S = 3600.0  # For the other ranks to carry their parts.


@dataclass(frozen=True, slots=True, kw_only=True)
class Finishing:
    """Who finishes, and for whom."""

    near: Store
    shared: Store
    ranks: Ranks
    run_id: str
    fence: Fence
    epoch: int
    keyring: Keyring | None
    allow_inexact: bool


def finish_leftover(who: Finishing) -> tuple[Committed, float] | None:
    """Commit the newest save that can be finished, all ranks together; return it and the seconds on rank 0.

    Raises:
        FencedOut: A newer attempt has taken over.
        RankLost: A rank did not say in time what its node holds.
    """
    began, ranks = time.perf_counter(), who.ranks
    drafts = {raw for told in ranks.gather("drafts", _drafts(who)) for raw in told}
    if not drafts:
        return None
    raws: list[str] = ranks.gather("leftovers", _going_on(who, drafts) if ranks.rank == 0 else None)[0]
    roots = [root_from_bytes(raw.encode()) for raw in raws]
    held = ranks.gather("held", [_held(who.near, root.manifest) for root in roots])
    chosen = ranks.gather("carriers", _deal(who.shared, roots, held) if ranks.rank == 0 else None)[0]
    if chosen is None:
        return None
    number, carriers = chosen
    draft, raw = roots[number].manifest, raws[number].encode()
    secret = unlock(raw, roots[number].secret, who.keyring)
    mine = [entry for entry in draft.ranks if carriers.get(str(entry.rank)) == ranks.rank]
    troubles = ranks.gather("finished", _carry(who, mine, secret), within_s=PATIENCE_S)
    if any(troubles):
        _say(f"the save of step {draft.step} cannot be finished: {next(filter(None, troubles))}")
        return None
    if ranks.rank > 0:
        return None
    try:
        return _commit(who, roots[number], secret), time.perf_counter() - began
    except BadManifest as trouble:
        _say(f"the save of step {draft.step} cannot be finished: {trouble}")
        return None


def _drafts(who: Finishing) -> list[str]:
    """Return this node's newest drafts that we may finish."""
    found = []
    for key in sorted((each.key for each in who.near.list(DRAFTS)), reverse=True):
        try:
            raw = who.near.read(key)
            root = root_from_bytes(raw)
            unlock(raw, root.secret, who.keyring)
        except (BadManifest, KeyTrouble, Absent):
            continue
        manifest = root.manifest
        is_ours = manifest.run_id == who.run_id and manifest.epoch <= who.epoch
        if is_ours and manifest.keyframe is None and (manifest.exact or who.allow_inexact):
            found.append(raw.decode())
    return found[:CONSIDERED]


def _going_on(who: Finishing, drafts: set[str]) -> list[str]:
    """Return the drafts that go on from the newest checkpoint, the newest first."""
    newest = _newest(who.shared)
    roots = {raw: root_from_bytes(raw.encode()).manifest for raw in drafts}
    fitting = [raw for raw, manifest in roots.items() if _goes_on(manifest, newest)]
    return sorted(fitting, key=lambda raw: (roots[raw].step, roots[raw].exact), reverse=True)


def _newest(shared: Store) -> RootFile | None:
    for generation in generations(shared):
        try:
            return root_from_bytes(shared.read(manifest_key(generation)))
        except (BadManifest, Absent):
            continue
    return None


def _goes_on(draft: Manifest, newest: RootFile | None) -> bool:
    if newest is None:
        return draft.parent is None
    if draft.parent is not None and draft.parent.sha256 == newest.sha256:
        return True
    return _life(draft) == _life(newest.manifest) and draft.step > newest.manifest.step


def _life(manifest: Manifest) -> str:
    parts = save_id_of(manifest.ranks[0].key).split("-")
    return "-".join([parts[0], *parts[LIFE : LIFE + 1]])


def _held(near: Store, draft: Manifest) -> list[int]:
    """Return whose parts of a save stand on this node."""
    found = []
    for entry in draft.ranks:
        try:
            rank_from_bytes(near.read(entry.key), entry.sha256)
        except (BadManifest, Absent):
            continue
        found.append(entry.rank)
    return found


def _deal(
    shared: Store, roots: Sequence[RootFile], held: list[list[list[int]]]
) -> tuple[int, dict[str, int]] | None:
    """Return the first save whose every part is somewhere, and who carries which; None for none."""
    for number, root in enumerate(roots):
        entries = root.manifest.ranks
        there = {each.key for each in shared.list(f"{RANKS}{save_id_of(entries[0].key)}/")}
        carriers: dict[str, int] = {}
        for part in (entry.rank for entry in entries if entry.key not in there):
            having = [rank for rank, parts in enumerate(held) if part in parts[number]]
            if having:  # Of the ranks of a node each carries some.
                carriers[str(part)] = min(having, key=lambda rank: list(carriers.values()).count(rank))
        lacking = len(entries) - len(there & {entry.key for entry in entries}) - len(carriers)
        if lacking == 0:
            return number, carriers
        _say(
            f"the save of step {root.manifest.step} was local to its nodes, and {lacking} parts are not back"
        )
    return None


def _carry(who: Finishing, entries: Sequence[RankEntry], secret: RunSecret | None) -> str | None:
    """Carry parts; return what hindered it."""
    if not entries:
        return None
    index = FrameIndex(who.shared)
    index.refresh()
    try:
        for entry in entries:
            carry_part(who.near, who.shared, entry, index, run_id=who.run_id, secret=secret)
    except (TrainerError, BadBlock, OSError) as trouble:
        return str(trouble)
    return None


def _commit(who: Finishing, root: RootFile, secret: RunSecret | None) -> Committed:
    number = next_generation(who.shared)
    asked = replace(root.manifest, generation=number, epoch=who.epoch)
    manifest, sha256 = create_root(who.shared, who.fence, asked, secret, root.secret)
    _say(f"the save of step {manifest.step} was local to its nodes and is now generation {number}")
    key = manifest_key(manifest.generation)
    return Committed(manifest=manifest, sha256=sha256, key=key, stored_bytes=0, commit_s=0.0)


def _say(words: str) -> None:
    print(f"lowtide-run: {words}", file=sys.stderr)
