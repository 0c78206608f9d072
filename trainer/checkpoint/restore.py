"""Finds the newest checkpoint that verifies, block by block, and puts it back.

"No checkpoint yet" means step 0. "Checkpoints exist and none is valid" never does: it is an error, because
going on from nothing would throw work away in silence. What does not verify is put aside with its reason,
and the one before it is taken. Several stores may hold the same checkpoint: each block is taken from the
first of them where it verifies. All ranks take the same checkpoint, or none does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..crash import crash_point
from ..errors import NotSealed, NoValidCheckpoint, OtherTraining
from .aside import put_aside
from .capture import TrainingState
from .crypt import Keyring
from .frames import BadBlock
from .layout import MANIFESTS, QUARANTINE, generations, manifest_key
from .manifest import BadManifest, Manifest, RootFile, root_from_bytes
from .placing import Fresh, put_back
from .ranks import Ranks
from .reading import Reader, Root, read_root
from .stores import Absent, Store, StoreTrouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A checkpoint that was put back."""

    root: Root
    store: int  # Which of the stores its root was read from.
    rung: str
    read_bytes: int  # Stored bytes this rank read.
    near_bytes: int  # Of those and of headers, what this node's own disk gave.
    damaged: frozenset[str]  # Addresses that did not verify in the first store that should hold them.
    floor: int = 0  # The highest number any store was seen to hold, valid or not; rank 0 alone looks.

    @property
    def manifest(self) -> Manifest:
        """Its root manifest."""
        return self.root.manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A root somebody can read, by its number and its name."""

    generation: int
    sha256: str
    epoch: int
    exact: bool
    sealed: bool


@dataclass(slots=True)
class _Search:
    """What one restore was asked for, and what it found wrong."""

    stores: Sequence[Store]
    near: Store | None
    keyring: Keyring | None
    run_id: str
    wrong: dict[int, str] = field(default_factory=dict)
    floor: int = 0


def restore(
    stores: Sequence[Store],
    state: TrainingState,
    ranks: Ranks,
    *,
    run_id: str,
    keyring: Keyring | None,
    allow_inexact: bool = False,
    near: Store | None = None,
) -> Restored | None:
    """Put the newest valid checkpoint back; None where none was ever committed.

    Args:
        near: Where to look for each block first, where no roots are; see `near`.
        stores: Where to look, the nearest first; each may hold all checkpoints or some.
        allow_inexact: Whether light and emergency saves may be taken, where they are the newest.

    Raises:
        NoValidCheckpoint: Checkpoints exist, here or in quarantine, and none verifies.
        OtherTraining: They are of another run, model or configuration.
        KeyTrouble: They are sealed with a key we do not have.
        NotSealed, OtherSchema: They cannot be read under this plan, or by this version.
        StoreTrouble: A store failed, and without it nobody knows whether the newest is damaged.
    """
    search = _Search(stores, near, keyring, run_id)
    told = ranks.gather("candidates", _candidates(search) if ranks.rank == 0 else None)[0]
    candidates = [Candidate(**each) for each in told]
    if keyring is not None and candidates and not any(each.sealed for each in candidates):
        raise NotSealed(
            f"No checkpoint in {stores[0].url} is sealed, and the plan names a key.",
            fix="Leave stores.key_ref out, as when they were written, or open a new run in an empty folder.",
        )
    fresh = Fresh(state) if allow_inexact and len(candidates) > 1 else None
    for candidate in candidates:
        if not (candidate.exact or allow_inexact):
            continue
        found, damage, passing = _try(search, candidate, state, ranks)
        told = ranks.gather(f"restored-{candidate.generation}", [damage, passing])
        damages, passings = ([each for each in kind if each] for kind in zip(*told, strict=True))
        if passings:
            raise StoreTrouble(passings[0], fix="Nothing was put aside; start again when it answers.")
        if not damages:
            return found
        if ranks.rank == 0:
            put_aside(stores[0], candidate.generation, damages[0])
        if fresh is not None:
            fresh.put_back()
    aside = sum(
        len(_listed(store, is_replica=number > 1, prefix=QUARANTINE)) for number, store in enumerate(stores)
    )
    if not candidates and not aside:
        return None
    raise _nothing_left(stores, candidates, aside)


def _nothing_left(stores: Sequence[Store], candidates: list[Candidate], aside: int) -> NoValidCheckpoint:
    return NoValidCheckpoint(
        f"{max(aside, len(candidates))} checkpoints were committed to {stores[0].url} and none of them "
        f"verifies{_inexact_words(candidates)}.",
        fix="Read quarantine/*.reason there; bring a replica back, or start anew in an empty folder.",
    )


def _inexact_words(candidates: list[Candidate]) -> str:
    inexact = sum(not each.exact for each in candidates)
    return f" ({inexact} are inexact, and the plan's allow_inexact is false)" if inexact else ""


def _candidates(search: _Search) -> list[dict[str, object]]:
    """Return every root some store holds, the newest first; what cannot be read is put aside."""
    found: dict[int, dict[str, object]] = {}
    for number, store in enumerate(search.stores):
        here = _listed(store, is_replica=number > 1)
        aside = _listed(store, is_replica=number > 1, prefix=QUARANTINE)
        search.floor = max([search.floor, *here, *aside])
        for generation in here:
            try:
                root = root_from_bytes(store.read(manifest_key(generation)))
            except (BadManifest, Absent) as trouble:
                search.wrong.setdefault(generation, str(trouble))
                if number == 0:
                    put_aside(store, generation, str(trouble))
                continue
            found.setdefault(generation, _told_of(generation, root))
    return sorted(found.values(), key=lambda each: (each["epoch"], each["generation"]), reverse=True)


def _told_of(generation: int, root: RootFile) -> dict[str, object]:
    body = root.manifest
    told = {"generation": generation, "epoch": body.epoch, "exact": body.exact}
    return {**told, "sha256": root.sha256, "sealed": root.secret is not None}


def _listed(store: Store, *, is_replica: bool, prefix: str = MANIFESTS) -> list[int]:
    """Return a store's generations; none of a replica that cannot be reached.

    One of the first two that cannot be reached stops us: it may hold what is newer than all the others have.
    """
    try:
        return generations(store, prefix)
    except StoreTrouble:
        if not is_replica:
            raise
        return []


def _try(
    search: _Search, candidate: Candidate, state: TrainingState, ranks: Ranks
) -> tuple[Restored | None, str | None, str | None]:
    """Return what was put back; or else why it is damaged; and why nobody knows, where a store failed."""
    damage, passing = "no store holds it", None
    for number, store in enumerate(search.stores):
        try:
            root = read_root(store, candidate.generation, search.keyring)
            if root.sha256 != candidate.sha256:
                raise BadManifest("It is another checkpoint of the same number.", fix="Restore the file.")
            others = [each for each in search.stores if each is not store]
            return _load(search, root, number, [store, *others], state, ranks), None, None
        except (BadManifest, BadBlock) as found:
            damage = str(found)
        except StoreTrouble as away:
            passing = passing or away.seen
    return None, damage, passing


def _load(
    search: _Search, root: Root, number: int, stores: list[Store], state: TrainingState, ranks: Ranks
) -> Restored:
    manifest = root.manifest
    _refuse_other_run(root, stores[0], search.run_id)
    readers = [
        Reader(stores[0], root, entry, others=stores[1:], near=search.near) for entry in manifest.ranks
    ]
    headers = [json.loads(reader.read_header()) for reader in readers]
    state.refuse_other(manifest.config_digest, headers[0])
    keyframes = _keyframes(search, root, stores)
    crash_point("restore.before_apply")
    read_bytes = put_back(state, headers, readers, keyframes, rank=ranks.rank)
    return Restored(
        root=root,
        store=number,
        rung=headers[0]["rung"],
        read_bytes=read_bytes,
        near_bytes=sum(sum(reader.near_bytes) for reader in [*readers, *(keyframes or [])]),
        damaged=frozenset(address for reader in readers for address in reader.damaged),
        floor=search.floor,
    )


def _keyframes(search: _Search, root: Root, stores: list[Store]) -> list[Reader] | None:
    keyframe = root.manifest.keyframe
    if keyframe is None:
        return None
    found = read_root(stores[0], keyframe.generation, search.keyring)
    if found.sha256 != keyframe.sha256:
        raise BadManifest("Its keyframe is another checkpoint of that number.", fix="Take an older one.")
    others, near = stores[1:], search.near
    return [Reader(stores[0], found, entry, others=others, near=near) for entry in found.manifest.ranks]


def _refuse_other_run(root: Root, store: Store, run_id: str) -> None:
    if root.manifest.run_id != run_id:
        raise OtherTraining(
            f"{root.key} in {store.url} belongs to run {root.manifest.run_id!r}; "
            f"the plan is of run {run_id!r}.",
            fix="Give each run its own stores.local_dir.",
        )
