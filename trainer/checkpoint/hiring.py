"""Whoever writes a session's saves, told what it needs to know: where to, as whom, with which secret."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..plan import Plan
from .addresses import urls
from .arena import Arena
from .ranks import Ranks
from .replicate import Replicated
from .writing import InProcess, Process, Writing


def hire(
    plan: Plan,
    ranks: Ranks,
    arena: Arena,
    *,
    life: str,
    owed: Sequence[str],
    told: Callable[[Replicated], None],
) -> Writing:
    """Start the writer; rank 0's makes the run secret and the copies, and all ranks have to be here for it.

    Args:
        life: Drawn by this group of ranks; see `lease`.
        owed: Replicas whose lease could not be taken yet.
        told: Hears of each copy.
    """
    kind = Process if plan.checkpoint.asynchronous else InProcess
    url, *others = urls(plan)
    settings: dict[str, Any] = {
        "url": url,
        "replicas": others if ranks.rank == 0 else [],
        "run_id": plan.run_id,
        "epoch": plan.attempt,
        "life": life,
        "owed": list(owed),
        "key_ref": plan.stores.key_ref,
        "rank": ranks.rank,
        "world_size": ranks.world_size,
        "retention": plan.checkpoint.retention,
        "wrapped": None,
    }
    if ranks.rank > 0:
        settings["wrapped"] = ranks.gather("secret", None)[0]
        return kind(arena, settings, told)
    writing: Writing = kind(arena, settings, told)
    if ranks.world_size > 1:
        ranks.gather("secret", writing.wrapped())
    return writing
