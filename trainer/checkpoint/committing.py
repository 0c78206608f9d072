"""How ranks commit one save: each writes its part, rank 0 names them all, every rank learns of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..fields import to_dict
from .failing import PASSING, NotSaved
from .manifest import Parent, RankEntry
from .ranks import RankLost, Ranks
from .saves import Committed, Save
from .writing import Writing


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What rank 0 knows of a save's time, for every rank."""

    commit_s: float
    copy_bytes_per_s: float | None  # A rank's share of the way that all blocks are copied over.
    generation: int | None = None  # None where it is local to its nodes so far.


def commit_together(ranks: Ranks, writing: Writing, save: Save) -> tuple[Committed | None, Taken]:
    """Write this rank's part and see the save committed; return what was, on rank 0, None on the others.

    Raises:
        NotSaved: Another rank could not write its part, for a reason that may pass.
        RankLost: It could not for another reason, or is gone.
        What `Writing.write` and `Writing.commit` raise.
    """
    entries = write_together(ranks, writing, save)
    done, told = None, dict[str, Any]()
    trouble: Exception | None = None
    if ranks.rank == 0:
        try:
            done = writing.commit(save.save_id, entries)
            told = _told(done, save)
        except Exception as met:
            trouble, told = met, _trouble_told(met)
    told = ranks.gather(f"committed-{save.save_id}", told)[0]
    if trouble is not None:
        raise trouble
    if "trouble" in told:
        raise _lost(f"Rank 0 could not commit: {told['trouble']}", told)
    if done is None:
        writing.learn(save.save_id, Parent(**told["parent"]))
    return done, Taken(**told["taken"])


def _told(done: Committed, save: Save) -> dict[str, Any]:
    generation = done.manifest.generation
    taken = Taken(commit_s=done.commit_s, copy_bytes_per_s=save.uplink_bytes_per_s, generation=generation)
    return {"parent": {"generation": generation, "sha256": done.sha256}, "taken": asdict(taken)}


def _trouble_told(met: Exception) -> dict[str, Any]:
    return {"trouble": str(met), "may_pass": isinstance(met, PASSING)}


def _lost(seen: str, told: dict[str, Any]) -> RankLost:
    """Return the error of a rank that was told of another's; all pass over it, or none does."""
    return (NotSaved if told["may_pass"] else RankLost)(seen, fix="See its log.")


def write_together(ranks: Ranks, writing: Writing, save: Save) -> list[RankEntry]:
    """Write this rank's part; return every rank's, or raise what any of them met."""
    trouble: Exception | None = None
    told: dict[str, Any] = {}
    try:
        told["entry"] = to_dict(writing.write(save))
    except Exception as met:  # Whatever it is, the others are not to wait.
        trouble, told = met, _trouble_told(met)
    answers = ranks.gather(f"wrote-{save.save_id}", told)
    if trouble is not None:
        raise trouble
    for rank, answer in enumerate(answers):
        if "trouble" in answer:
            raise _lost(f"Rank {rank} could not save: {answer['trouble']}", answer)
    return [RankEntry(**answer["entry"]) for answer in answers]
