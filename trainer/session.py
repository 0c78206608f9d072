"""A training session that survives preemption: restore, train, save when due, stop when told.

Saves that are due overlap with training where the plan says `asynchronous`: the state is copied during the
next forward and backward pass, joined before the optimizer steps, and written by another process.

    with SpotSession(plan, model=model, optimizer=optimizer, data=data) as session:
        for step in session.steps(1000):
            loss = ...
            session.tick(loss=loss, tokens=...)

A notice or a directive ends it between two steps: saved, committed, and SystemExit with 75,
"stopped on purpose, start me again". The session never starts machines and never trains.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, SupportsFloat

import torch

from .cadence import Cadence
from .checkpoint.capture import Stateful, TrainingState
from .checkpoint.keeper import Keeper
from .checkpoint.ledger import Tier
from .checkpoint.ranks import Alone, Ranks
from .clock import Clock
from .errors import TrainerError
from .jump import JumpWatch, read_clocks
from .known import newest_by_store
from .leaving import StoppedOnPurpose, Words, is_new, say_choice, wait_for_copies
from .notice import NoticeWatch
from .orders import Orders, token_of
from .plan import Plan
from .runlog import Phase, RunLog, notice_path, phase_path
from .start import refuse_start
from .torchrun import node_name

REWARM_STEPS = 100  # Moments that are gone come back at about 1 / (1 - beta2) steps.


class SpotSession:
    """One attempt of one run.

    Args:
        plan: What to do; `plan.attempt` is the fencing epoch.
        model, optimizer: As torch has them, or anything with the same two state methods.
        data: The data cursor, where batches do not follow from the step alone.
        scheduler, scaler: Of the learning rate and of the loss, where the training has them.
        config: Plain JSON that must not change between two starts, such as a seed.
        log: The run log; by default a spool beside the checkpoints.
        clock, notice, phase: The world, for who wants to hand in another one.

    Raises:
        PlanError: The plan has expired, or asks for what this trainer does not do.
        NotCapturable: `config` is not plain JSON.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        model: torch.nn.Module,
        optimizer: Stateful,
        data: Stateful | None = None,
        scheduler: Stateful | None = None,
        scaler: Stateful | None = None,
        ranks: Ranks | None = None,
        config: dict[str, Any] | None = None,
        log: RunLog | None = None,
        clock: Clock | None = None,
        notice: NoticeWatch | None = None,
        phase: Phase | None = None,
    ) -> None:
        self._plan, self._clock, self._ranks = plan, clock or Clock(), ranks or Alone()
        refuse_start(plan, self._clock)
        root = Path(plan.stores.on_this_machine().local_dir)
        self._log = log or RunLog(root / "spool", plan.run_id, plan.attempt, node_name(None))
        where = (self._log.path.parent, plan.attempt, self._log.node)
        self._notice, self._listens = notice or NoticeWatch(notice_path(*where)), notice is None
        self._phase = phase or Phase(phase_path(*where))
        self._model = model
        self._state = TrainingState(
            model=model,
            parts={"optimizer": optimizer, "data": data, "scheduler": scheduler, "scaler": scaler},
            config=config or {},
            rank=self._ranks.rank, world_size=self._ranks.world_size,
        )  # fmt: skip
        self._keeper = Keeper(plan, self._state, self._log, self._ranks)
        self._overlaps = plan.checkpoint.asynchronous and self._keeper.join_before_steps_of(optimizer)
        self._cadence, self._open = Cadence(plan.checkpoint, compression=self._clock.compression), ExitStack()
        if log is None:
            self._open.callback(self._log.close)  # After all else: it hears of the rest.
        self._orders = Orders(plan, self._clock, self._ranks, self._notice, self._cadence)
        self._words, self._jumps = Words(plan, self._log), JumpWatch(read_clocks())
        self._total = math.inf  # Steps in all; a loop that does not ask `steps` has no known end.
        self._step_began, self._began = 0.0, 0
        self.step = 0  # Steps completed.
        self.is_inexact = False  # Restored from less than all: warm the learning rate up anew.

    def __enter__(self) -> SpotSession:
        try:
            if self._listens:  # Whoever hands a watch in has it listening, and keeps it so to the end.
                self._notice.listen()
                self._open.callback(self._notice.close)
            self._orders.hear_the_cloud(lambda: self._words.cut_off(self.step))
            self._phase.set("restore", 0)
            self._orders.talk_to_service(self._log, self._open)
            self._words.started(self._ranks.world_size)
            self._restore()
            self._step_began = time.perf_counter()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    @property
    def lr_factor(self) -> float:
        """What to multiply the learning rate by: 1, but for the first steps after an inexact restore."""
        if not self.is_inexact:
            return 1.0
        return min(1.0, (self.step - self._began + 1) / REWARM_STEPS)

    def _restore(self) -> None:
        found = self._keeper.restore(newest_by_store(self._plan, token_of(self._plan)))
        if found is not None:
            self.step, self.is_inexact = found.manifest.step, not found.manifest.exact
            self._began = self.step

    def steps(self, total: int | None, *, planned: bool = True) -> Iterator[int]:
        """Yield the numbers of the steps still to do, counted from 0, up to `total` in all; None has no end.

        Whether `total` is what this loop will make, and not only the most, is for the run log: the
        advisor works out from it what is left. After the last step the state is saved.
        """
        self._total = math.inf if total is None else total
        if planned and total is not None:
            self._log.write("planned", steps=total)
        self._obey()  # What was heard while booting and restoring.
        while self.step < self._total:
            self._phase.set("step", self.step)
            step, self._step_began = self.step, time.perf_counter()
            yield step
            if self.step == step:
                raise TrainerError(
                    "A step went by without a tick.", fix="Call session.tick(...) in each step."
                )
        self._save()  # What comes after the loop, such as an evaluation, may be cut off.
        self._phase.set("step", self.step)

    def tick(self, *, loss: SupportsFloat, tokens: SupportsFloat) -> None:
        """Say that a step was completed: the safe point, where saves are made and orders obeyed.

        A loop that does not ask `steps` begins at `session.step`, and ticks all the same.

        Raises:
            StoppedOnPurpose: A notice or a directive came; the state is committed.
            NotCapturable: At the first step, where a part has what no checkpoint holds.
            FencedOut: A newer attempt has taken over.
        """
        seconds = time.perf_counter() - self._step_began
        self.step += 1
        self._words.stepped(self.step, seconds, loss, tokens)
        self._cadence.worked(seconds)
        if self.step == self._began + 1:
            self._state.gather()  # What cannot be saved is refused now, not at the first save.
            if self._plan.checkpoint.asynchronous:
                self._keeper.warm()  # Now the optimizer has its state, and nothing is due yet.
        self._obey()
        self._step_began = time.perf_counter()

    def _obey(self) -> None:
        """Do what rank 0 says is to be done now; every rank does the same at the same step."""
        if self.step >= self._total:
            return  # Done, and saved on the way out.
        self._keeper.check()
        self._refuse_after_sleep()
        order = self._orders.agree(self.step, is_busy=self._keeper.is_busy, news=self._keeper.news())
        self._keeper.hear(order["news"])
        if order["notice"] is not None:
            self._words.noticed(order["notice"], self._notice.left_s)
            self._leave_in_a_hurry()
        if order["stop"]:
            self._save()
            raise StoppedOnPurpose("stopped")
        if order["save"] is not None:
            self._save_beside(order["save"])

    def _refuse_after_sleep(self) -> None:
        """A machine that slept may have been replaced: ask at once, not only before the next commit."""
        if self._jumps.has_slept():
            self._keeper.refuse_zombie()

    def _leave_in_a_hurry(self) -> NoReturn:
        """Save what fits into the notice, and leave."""
        notice, left_s = self._plan.notice, self._notice.left_s
        self._phase.set("save", self.step)
        assumed_s = notice.assumed_s or notice.nominal_s
        say_choice(self._keeper.emergency(self.step, assumed_s if left_s is None else left_s))
        raise StoppedOnPurpose("preempted")

    def _save_beside(self, tier: Tier) -> None:
        """Save while training goes on, where it may."""
        self._phase.set("save", self.step)
        if not self._plan.checkpoint.asynchronous:
            self._keeper.save_if_possible(self.step, tier)
        elif self._keeper.begin(self.step, tier) and not self._overlaps:
            self._keeper.join()
        self._cadence.saved(tier)

    def retake_signals(self) -> None:
        """Listen again, where the framework around us has taken SIGTERM for itself since we began."""
        self._notice.retake()

    def before_update(self) -> None:
        """Wait until the state may change; only where the optimizer knows no `register_step_pre_hook`."""
        self._keeper.join()

    def _save(self) -> None:
        self._phase.set("save", self.step)
        self._keeper.save(self.step)
        self._cadence.saved("F")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._open:  # Ships the last events, gives the signals back.
            try:
                if error is None:
                    self._save()
                self._keeper.finish()
            except BaseException as trouble:
                if is_new(trouble, error):
                    error = error or trouble
                    raise
            finally:
                cut, left_s = wait_for_copies(self._keeper, self._notice, self._words, error)
                fenced = self._keeper.close(within_s=left_s)
                self._notice.disarm()
                news = (fenced or cut) if error is None or isinstance(error, StoppedOnPurpose) else None
                self._words.ended(news or error, self.step, self._model)
                self._phase.set("done", self.step)
            if news is not None:
                raise news
