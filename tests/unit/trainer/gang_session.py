"""The bundled training under a session of several ranks, with real saves and restores."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from gang_work import whole

from trainer.checkpoint.ranks import Together
from trainer.loop import be_deterministic, learning_rate
from trainer.notice import NoticeWatch
from trainer.plan import Plan
from trainer.runlog import RunLog, read_spool
from trainer.session import SpotSession
from trainer.token_loop import Options, Training
from trainer.world import World

EXAMPLE = Path(__file__).parents[3] / "examples" / "plan.json"


class Told(NoticeWatch):
    """Hears of a notice at one step, and takes no signals."""

    def __init__(self, at_step: int | None) -> None:
        super().__init__()
        self.at_step, self.step = at_step, 0

    def listen(self, signals: Any = ()) -> None:
        pass

    def heard(self) -> str | None:
        return "SIGTERM" if self.at_step is not None and self.step >= self.at_step else None


def plan_in(room: Path, attempt: int, **checkpoint: Any) -> Plan:
    plan = Plan.read(EXAMPLE)
    return replace(
        plan,
        attempt=attempt,
        checkpoint=replace(plan.checkpoint, **checkpoint),
        stores=replace(plan.stores, local_dir=str(room / "checkpoints"), key_ref=f"file:{room}/key"),
        expires_at=datetime(2999, 1, 1, tzinfo=UTC),
        service=None,
    )


def session(
    rank: int,
    world_size: int,
    *,
    room: str,
    attempt: int,
    until: int,
    total: int = 12,
    told_rank: int | None = None,
    told_at: int | None = None,
    hinted_rank: int | None = None,
    slow_rank: int | None = None,
    parallel: str = "auto",
    checkpoint: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Train from where the store says until step `until` of `total`; return losses, weights, and events."""
    be_deterministic(0, 1)
    store = torch.distributed.distributed_c10d._get_default_store()
    world = World(rank=rank, size=world_size, store=store)
    options = Options(size="nano", seed=0, steps=total, global_batch=12, micro_batch=1, parallel=parallel)
    training = Training(options, world)
    ranks = Together(store, rank, world_size, f"attempt-{attempt}")
    log = RunLog(Path(room) / "spool", "run", attempt, str(rank))
    notice = Told(told_at if told_rank == rank else None)
    plan = plan_in(Path(room), attempt, **(checkpoint or {"full_every_s": 1e9}))
    losses, began, left = {}, None, None
    try:
        with SpotSession(
            plan,
            model=training.model,
            optimizer=training.optimizer,
            data=training.loader,
            config=training.config,
            ranks=ranks,
            log=log,
            notice=notice,
        ) as spot:
            began = spot.step
            if slow_rank is not None:  # What was measured: all fits on one rank, weights alone on the other.
                size = spot._keeper._state.size
                exact, weights = size("exact"), size("bf16_weights")
                fits = (exact + weights) / 2 / 20.0  # Of a notice of 20 s 18 may be used.
                spot._keeper.ledger.took("F", int(fits if rank == slow_rank else 1e9), 1.0)
            for step in spot.steps(until):
                losses[step] = training.step(learning_rate(step, total))
                notice.step = step + 1
                if rank == hinted_rank and step == 2:
                    notice._hint("aws rebalance", "now")
                spot.tick(loss=losses[step], tokens=1)
    except SystemExit as leaving:
        left = leaving.code
    digest = hashlib.sha256()
    for name, tensor in sorted(whole(list(training.model.state_dict().items())).items()):
        digest.update(name.encode() + tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return {
        "losses": losses,
        "began": began,
        "left": left,
        "weights": digest.hexdigest(),
        "next": training.loader.next_sample,
        "committed": [each["step"] for each in read_spool(log.path) if each["event"] == "committed"],
        "events": [each["event"] for each in read_spool(log.path)],
    }
