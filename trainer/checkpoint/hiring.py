"""Whoever writes a session's saves, told what it needs to know: where to, as whom, with which secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..plan import Plan
from .addresses import near_url, urls
from .arena import Arena
from .ranks import Ranks
from .worker import Told
from .writing import InProcess, Process, Writing


def hire(
    plan: Plan,
    ranks: Ranks,
    arena: Arena,
    *,
    life: str,
    owed: Sequence[str],
    told: Told,
    wrapped: dict[str, Any] | None = None,
) -> Writing:
    """Start the writer; rank 0's makes the run secret and the copies, and all ranks have to be here for it.

    Args:
        life: Drawn by this group of ranks; see `lease`.
        owed: Replicas whose lease could not be taken yet.
        told: Hears of each copy, and of each save that was carried.
        wrapped: The run secret, where a former writer made it.
    """
    kind = Process if plan.checkpoint.asynchronous else InProcess
    url, *others = urls(plan)
    settings: dict[str, Any] = {
        "url": url,
        "near": near_url(plan),
        "replicas": others if ranks.rank == 0 else [],
        "run_id": plan.run_id,
        "epoch": plan.attempt,
        "life": life,
        "owed": list(owed),
        "key_ref": plan.stores.key_ref,
        "rank": ranks.rank,
        "world_size": ranks.world_size,
        "retention": plan.checkpoint.retention,
        "wrapped": wrapped,
    }
    if wrapped is not None:
        return kind(arena, settings, told)
    if ranks.rank > 0:
        settings["wrapped"] = ranks.gather("secret", None)[0]
        return kind(arena, settings, told)
    writing: Writing = kind(arena, settings, told)
    if ranks.world_size > 1:
        ranks.gather("secret", writing.wrapped())
    return writing
