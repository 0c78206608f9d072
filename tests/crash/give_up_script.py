"""Two ranks under torchrun: the writer of one stands still in a save, a notice comes, and all leave in time.

For each rank in turn, in a folder of its own, with a line of JSON about how it came out.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from trainer.adamw import AdamW
from trainer.checkpoint.ranks import Together
from trainer.notice import NoticeWatch
from trainer.plan import Plan
from trainer.runlog import RunLog
from trainer.session import SpotSession
from trainer.world import World, joined

EXAMPLE = Path(__file__).parents[2] / "examples" / "plan.json"
NOTICE_S = 25.0


class Told(NoticeWatch):
    """Hears of a notice when it is told to, and takes no signals."""

    source: str | None = None

    def listen(self, signals=()) -> None:
        pass

    def heard(self) -> str | None:
        return self.source


def plan_in(room: Path) -> Plan:
    plan = Plan.read(EXAMPLE)
    cadence = {"full_every_s": 1e-9, "asynchronous": True, "allow_inexact": True, "retention": 9}
    return replace(
        plan,
        checkpoint=replace(plan.checkpoint, **cadence),
        stores=replace(plan.stores, local_dir=str(room / "checkpoints"), key_ref=f"file:{room}/key"),
        notice=replace(plan.notice, assumed_s=NOTICE_S),
        expires_at=datetime(2999, 1, 1, tzinfo=UTC),
        service=None,
    )


def leave(world: World, room: Path, stopped: int) -> dict:
    """Train three steps; the second save finds a writer that stands still, the third step a notice."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(*(torch.nn.Linear(90, 90) for _ in range(8)))  # To be shared evenly.
    optimizer = AdamW(model)
    notice, left, writers = Told(), None, []
    log = RunLog(room / "spool", "run", 1, str(world.rank))
    ranks = Together(world.store, world.rank, world.size, f"{world.life}-{stopped}")
    plan = plan_in(room)
    try:
        with SpotSession(
            plan, model=model, optimizer=optimizer, ranks=ranks, log=log, notice=notice
        ) as session:
            keeper = session._keeper
            for step in session.steps(9):
                model(torch.ones(1, 90)).sum().backward()
                optimizer.step()
                optimizer.zero_grad()
                if step == 1:
                    keeper.finish()  # The save after step 1 is committed.
                    writers.append(keeper._scribe.writing.pid)
                    if world.rank == stopped:
                        (room / "stopped.pid").write_text(str(writers[0]))
                        os.kill(writers[0], signal.SIGSTOP)
                if step == 2:
                    # bf16 weights take 10 s on the one, all of it six times as long; on the other no time.
                    speed = keeper._state.size("bf16_weights") // 10 if world.rank == stopped else int(1e9)
                    keeper.ledger._taken.clear()
                    keeper.ledger.took("F", speed, 1.0)
                    notice.source = "file"
                session.tick(loss=0.0, tokens=1)
                torch.distributed.barrier()
    except SystemExit as leaving:
        left = leaving.code
    is_new = keeper._scribe.writing.pid not in writers
    return {"stopped": stopped, "rank": world.rank, "left": left, "step": session.step, "new writer": is_new}


if __name__ == "__main__":
    with joined("cpu") as world:
        for stopped in range(world.size):
            told = leave(world, Path(sys.argv[1]) / str(stopped), stopped)
            (Path(sys.argv[1]) / f"{stopped}-{world.rank}.json").write_text(json.dumps(told))
