"""The bundled training on ranks that are nodes of their own: each has its own disk, all share a bucket."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from gang_session import Told, plan_in

from trainer.checkpoint.ranks import Together
from trainer.loop import be_deterministic, learning_rate
from trainer.runlog import RunLog
from trainer.session import SpotSession
from trainer.token_loop import Options, Training
from trainer.world import World

HELD_S = 60.0


def nodes(
    rank: int,
    world_size: int,
    *,
    room: str,
    attempt: int,
    until: int,
    total: int = 12,
    primary: str,
    environments: list[dict[str, str]] | None = None,
    hold_at: int | None = None,
    parallel: str = "fsdp",
    **checkpoint: Any,
) -> dict[str, Any]:
    """Train until a step, or until the room holds `go` after step `hold_at`; return losses and exit code."""
    os.environ.update((environments or [{}] * world_size)[rank])
    be_deterministic(0, 1)
    store = torch.distributed.distributed_c10d._get_default_store()
    options = Options(size="nano", seed=0, steps=total, global_batch=12, micro_batch=1, parallel=parallel)
    training = Training(options, World(rank=rank, size=world_size, store=store))
    how = {"full_every_s": 1e-9, "asynchronous": True, **checkpoint}
    plan = plan_in(Path(room), attempt, **how)
    stores = replace(plan.stores, local_dir=f"{room}/node-{rank}", primary_url=primary)
    plan = replace(plan, stores=stores, nodes=replace(plan.nodes, count=2, min=1, max=8))
    log = RunLog(Path(room) / "spool", "run", attempt, str(rank))
    losses, began, left = {}, None, None
    try:
        with SpotSession(
            plan,
            model=training.model,
            optimizer=training.optimizer,
            data=training.loader,
            config=training.config,
            ranks=Together(store, rank, world_size, f"attempt-{attempt}"),
            log=log,
            notice=Told(None),
        ) as spot:
            began = spot.step
            for step in spot.steps(until):
                if step == hold_at:
                    hold(Path(room))
                losses[step] = training.step(learning_rate(step, total))
                spot.tick(loss=losses[step], tokens=1)
    except SystemExit as leaving:
        left = leaving.code
    return {"losses": losses, "began": began, "left": left}


def hold(room: Path) -> None:
    """Stand still until the test says `go`."""
    deadline = time.monotonic() + HELD_S
    while not (room / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
