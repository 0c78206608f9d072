"""The reference launcher: asks where to go, starts the trainer there, survives its losses, until done.

The loop of `lowtide run`: open a run, obtain a machine, start the trainer, watch it; when it is
lost, write the loss down, send what the node left behind, ask next-pool, start there. It owns the
`waiting`, `started`, `preempted` and `ended` events of node `launcher`; each is on disk before it
is sent, so an absent service loses nothing.

It decides nothing: pools are chosen by the service, machines are given and taken by a `Cloud`.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model.errors import CheckFailed, EnvironmentTrouble
from trainer.runlog import RunLog, environment, read_spool, ship_spool, spool_path

from .attempts import FAILED_CHECK, LAUNCHER, AttemptEnd, Offer, RunOutcome, Service, Situation
from .clockfile import clock_body, write_clock
from .cloud import Cloud, Lease, Machine, Strike
from .executor import NODE, Executor, Start
from .forwarding import Forwarder, Warner
from .outbox import Answer, Outbox, Send, insist
from .progress import RunClock
from .room import Room
from .taking_up import left_off

FAILURES_IN_A_ROW = 3  # Without a new step between them; then a person has to look.
TICK_S = 0.02
LAST_WORDS_S = 10.0  # How long a trainer may save after Ctrl-C.
LONGEST_WAIT_S = 60.0  # The service is asked again at least this often while capacity is awaited.


def wall_now() -> datetime:
    """The wall clock, aware UTC."""
    return datetime.now(UTC)


class Launcher:
    """Runs one job to its end.

    Args:
        client: The service.
        cloud: Gives machines and takes them.
        executor: Starts the trainer on them.
        clock: How wall time stands for market time.
        room: Folder of this run: plans, spool, logs, checkpoints.
        now, sleep: The world's clock, handed in.
        watch: Called at every tick with the situation.
        warner: Asked at every tick whether a machine will be taken; see `forwarding`.
        send: Sends one spool whole to the service.
        patience_s: How long an unreachable service is asked again before the launcher gives up.
    """

    def __init__(
        self, client: Service, cloud: Cloud, executor: Executor, *, clock: RunClock, room: Path,
        now: Callable[[], datetime] = wall_now, sleep: Callable[[float], None] = time.sleep,
        watch: Callable[[Situation], None] = lambda _: None, warner: Warner = lambda _: None,
        send: Send = ship_spool, patience_s: float = 600.0,
    ) -> None:  # fmt: skip
        self._client, self._cloud, self._executor = client, cloud, executor
        self._clock, self._room, self._patience_s = clock, Room(room), patience_s
        self._now, self._sleep, self._watch = now, sleep, watch
        write_clock(clock, self._room.clock_file)
        self._forwarder = Forwarder(self._room.spool, NODE, warner)
        self._outbox = Outbox(client.base_url, client.token, send=send)
        self._run_id = ""
        self._ends: list[AttemptEnd] = []

    def run(self, recommendation_id: str, *, rank: int = 1) -> RunOutcome:
        """Open a run for a recommendation and bring it to its end.

        Raises:
            EnvironmentTrouble: The service stayed away, or the trainer failed again and again.
            CheckFailed: Checkpoints exist and none of them is valid.
            LauncherTaken: This process got a notice (SIGTERM); the trainer had it too, and has ended.
        """
        with self._room.held(), self._forwarder:
            return self._go_on(self._open(recommendation_id, rank))

    def take_up(self) -> RunOutcome:
        """Bring the run of this room to its end, whose launcher died; its clock has gone on meanwhile.

        Raises:
            ImpossibleInput: Nothing was begun in the room, or it has been moved since.
            EnvironmentTrouble, CheckFailed, LauncherTaken: As `run` says.
        """
        with self._room.held(), self._forwarder:
            self._ends = left_off(self._room)
            last = self._ends[-1]
            self._run_id = last.offer.plan["run_id"]
            logs = self._room.run_logs()
            self._outbox.add(*logs)
            self._outbox.close(*logs)
            if last.reason == "done":
                return self._over()
            return self._go_on(self._next_offer(last.offer, lost=None, refused=[]))

    def _go_on(self, offer: Offer) -> RunOutcome:
        awaited_from = self._now()
        refused: list[str] = []  # Pools that had no capacity since the last loss.
        while True:
            lease = self._cloud.request(offer.pool_id, self._market_now())
            if lease is None:
                refused.append(offer.pool_id)
                offer = self._next_offer(offer, lost=None, refused=refused)
                continue
            self._forwarder.is_at_work = True
            end = self._attempt(offer, lease, awaited_from)
            self._forwarder.is_at_work = False
            if end.reason == "done":
                return self._over()
            self._forwarder.leave_if_taken()
            self._refuse_to_go_round_in_circles()
            awaited_from, refused = self._now(), []
            offer = self._next_offer(offer, lost=offer.pool_id if end.strike else None, refused=refused)

    def _over(self) -> RunOutcome:
        self._insist(self._outbox.flush)
        return RunOutcome(run_id=self._run_id, ends=tuple(self._ends))

    def _market_now(self) -> datetime:
        return self._clock.market_at(self._now())

    def _open(self, recommendation_id: str, rank: int) -> Offer:
        stores = {"local_dir": str(self._room.checkpoints)}
        clock = clock_body(self._clock)
        opened = self._insist(
            lambda: self._client.open_run(recommendation_id, rank=rank, stores=stores, clock=clock)
        )
        self._run_id = opened["run_id"]
        return Offer.read(opened)

    def _next_offer(self, last: Offer, *, lost: str | None, refused: list[str]) -> Offer:
        """Ask where to go, and wait where the service says so; then refused capacity may be back."""
        while True:
            answer = self._insist(lambda: self._ask_next(last, lost, refused))
            if answer["action"] == "start":
                return Offer.read(answer)
            refused.clear()
            self._tell(last, None)
            wait_s = float(answer["wait_s"]) / self._clock.compression
            self._sleep(min(max(wait_s, TICK_S), LONGEST_WAIT_S))

    def _ask_next(self, last: Offer, lost: str | None, refused: list[str]) -> dict[str, Any]:
        self._outbox.flush()  # The remaining work is computed from the events, so they go first.
        return self._client.next_pool(
            self._run_id, attempt=last.attempt, lost_pool_id=lost,
            as_of=self._market_now(), unavailable=tuple(refused),
        )  # fmt: skip

    def _insist(self, ask: Callable[[], Answer]) -> Answer:
        return insist(ask, patience_s=self._patience_s, sleep=self._sleep)

    def _attempt(self, offer: Offer, lease: Lease, awaited_from: datetime) -> AttemptEnd:
        plan = self._room.keep(offer)  # Before any event of it, or a later launcher could not speak for it.
        log = RunLog(self._room.spool, self._run_id, offer.attempt, LAUNCHER, clock=self._now)
        logs = (spool_path(self._room.spool, offer.attempt, NODE), log.path)
        self._outbox.add(*logs)
        awaited_s = (self._now() - awaited_from).total_seconds()
        log.write("waiting", seconds=max(awaited_s, 0.0), reason=f"until a machine in {offer.pool_id}")
        machine = self._executor.start(self._start(offer, plan))
        log.write(
            "started", pool_id=offer.pool_id, environment=environment(), pid=machine.pid,
            world_size=offer.plan["nodes"]["count"],
        )  # fmt: skip
        strike = None
        try:
            self._outbox.try_flush()
            strike = self._watch_over(offer, lease, machine)
        finally:
            exit_code = self._let_go(machine)
            end = self._close(log, offer, exit_code, strike)
            self._outbox.close(*logs)
            self._outbox.try_flush()
        return end

    def _start(self, offer: Offer, plan: Path) -> Start:
        return Start(
            attempt=offer.attempt, plan=plan, spool=self._room.spool,
            clock=self._room.clock_file, log=self._room.log_of(offer.attempt),
        )  # fmt: skip

    def _watch_over(self, offer: Offer, lease: Lease, machine: Machine) -> Strike | None:
        while True:
            ended = machine.poll() is not None  # Before the cloud is asked, so that it knows why.
            strike = self._cloud.tend(lease, machine, self._market_now())
            if ended or strike is not None:
                return strike
            self._forwarder.forward(offer.attempt, lease)
            self._tell(offer, machine)
            self._sleep(TICK_S)

    def _let_go(self, machine: Machine) -> int:
        """Return the exit code; a trainer that still runs (Ctrl-C) may save first."""
        machine.send(signal.SIGTERM)
        until = time.monotonic() + LAST_WORDS_S
        while (exit_code := machine.poll()) is None:
            if time.monotonic() > until:
                machine.send(signal.SIGKILL)
            time.sleep(TICK_S)
        return exit_code

    def _close(self, log: RunLog, offer: Offer, exit_code: int, strike: Strike | None) -> AttemptEnd:
        """Write down how the attempt ended; what it had reached is read from the node's spool."""
        events = read_spool(spool_path(self._room.spool, offer.attempt, NODE))
        end = AttemptEnd.of(offer, exit_code, strike, events)
        end.write(log)
        log.close()
        self._ends.append(end)
        return end

    def _refuse_to_go_round_in_circles(self) -> None:
        last = self._ends[-1]
        log = self._room.log_of(last.offer.attempt)
        if last.exit_code == FAILED_CHECK:
            raise CheckFailed(f"The trainer stopped with exit 5: {_last_line(log)}", fix=f"Read {log}.")
        recent = self._ends[-FAILURES_IN_A_ROW:]
        before = max((end.step for end in self._ends[:-FAILURES_IN_A_ROW]), default=0)
        stuck = all(end.reason == "failed" and end.step <= before for end in recent)
        if stuck and len(recent) == FAILURES_IN_A_ROW:
            raise EnvironmentTrouble(
                f"The trainer failed {FAILURES_IN_A_ROW} times in a row without a new step "
                f"(last exit code {last.exit_code}): {_last_line(log)}",
                fix=f"Read {log}, correct the cause, and run the job again.",
            )

    def _tell(self, offer: Offer, machine: Machine | None) -> None:
        reached = self._ends[-1].step if self._ends else 0
        phase, step = machine.phase() if machine else ("wait", reached)
        self._watch(
            Situation(
                market_at=self._market_now(), pool_id=offer.pool_id if machine else None, phase=phase,
                attempt=offer.attempt, step=step, lost=sum(end.reason == "preempted" for end in self._ends),
            )
        )  # fmt: skip


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing."
