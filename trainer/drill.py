"""Kills a user's own training again and again, and says whether anything was lost.

First the command runs once with nothing happening to it: its weights are the measure, its duration tells
where a kill can land. Then it runs again and is killed: at named points of a save, at any moment, and
with notice; after each kill the next attempt goes on. Where it comes to its end before all kills have
landed, a new round begins in a fresh folder. Standard library only.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .attempt import POLL_S, Attempt, CannotStart, NoRunLog, Room, in_room
from .drill_deck import BOOT_SHARE, Deck
from .drill_verdict import Start, Strike, Verdict, Weights, judge, seen, weights_of
from .errors import TrainerError
from .plan import Plan

SAVES = 20  # In an uninterrupted run, unless told otherwise.
STARTS_PER_KILL, MORE_STARTS = 4, 12
PATIENCE, LEAST_PATIENCE_S = 10, 120.0
LONGEST_S = 1e6  # Nobody knows yet how long the command takes.

Say = Callable[[str], None]


class RoomTaken(TrainerError):
    """The folder holds a drill already."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Calm:
    """A run that nothing happened to."""

    weights: Weights
    seconds: float
    boot_s: float  # Until the first step began.
    steps: int
    useful_s: float


def drill(
    words: Sequence[str],
    *,
    kills: int,
    out: Path,
    plan: Plan,
    seed: int = 0,
    save_every_s: float | None = None,
    say: Say = lambda _: None,
) -> tuple[Verdict, tuple[Start, ...]]:
    """Run the command under kills and return the verdict with every start.

    Args:
        words: The command, with `{plan}` and `{spool}` where it wants them.
        kills: How many have to land.
        out: A folder that holds no drill yet; on the storage that is to be tried.
        plan: How to save: tiers, keys, notice. Stores, interval and expiry are the drill's own.
        seed: Of what is struck when.
        save_every_s: Useful seconds between saves; None for 20 saves in a whole run.
        say: Is told in one line what goes on.

    Raises:
        CannotStart: The command does not come to its end, even where nothing strikes it.
        NoRunLog: It writes no run log, so there is nothing to judge.
        RoomTaken: `out` holds a drill.
    """
    if out.exists() and any(out.iterdir()):
        raise RoomTaken(f"{out} is not empty.", fix="Name another folder with --out, or remove it.")
    out = out.resolve()
    say("an uninterrupted run, to compare with")
    calm = uninterrupted(Room(folder=out / "reference", plan=plan, words=tuple(words)))
    every_s = save_every_s or calm.useful_s / SAVES
    striking = _Striking(tuple(words), out, plan, calm, every_s, random.Random(seed), say)
    starts = tuple(striking.go(kills))
    verdict = judge(calm.weights, starts, kills_asked=kills, seed=seed)
    if any(start.weights not in (None, calm.weights) for start in starts):
        say("the weights differ; another uninterrupted run, to see whether the command repeats itself at all")
        again = uninterrupted(Room(folder=out / "reference-again", plan=plan, words=tuple(words)))
        if again.weights != calm.weights:
            verdict = _with_problem(verdict, NOT_DETERMINISTIC)
    return verdict, starts


NOT_DETERMINISTIC = (
    "Two runs that nothing happened to end in different weights as well: the command is not deterministic, "
    "and equal weights cannot be asked of it. Seed it and call torch.use_deterministic_algorithms(True)."
)


def _with_problem(verdict: Verdict, problem: str) -> Verdict:
    return replace(verdict, ok=False, problems=(problem, *verdict.problems))


def uninterrupted(room: Room, *, full_every_s: float = 1e9) -> Calm:
    """Run the command to its end with nothing happening to it."""
    quiet = Room(
        folder=room.folder, plan=in_room(room.plan, room.folder, full_every_s=full_every_s), words=room.words
    )
    with quiet.start(1) as attempt:
        code = attempt.wait(LONGEST_S)
        seconds = attempt.seconds
    events = quiet.events(1)
    if code != 0:
        raise CannotStart(
            f"{room.words[0]} ends with exit code {code}, even where nothing strikes it: {quiet.tail(1)}",
            fix=f"Correct it first; what it printed is in {quiet.output(1)}.",
        )
    weights = weights_of(events)
    steps = [event for event in events if event["event"] == "step"]
    if weights is None or not steps:
        raise NoRunLog(
            f"{room.words[0]} ran, and no run log says of steps and an end in {quiet.spool}.",
            fix="Train inside SpotSession(Plan.read(os.environ['LOWTIDE_PLAN']), …), "
            "or have the words {plan} and {spool} in the command.",
        )
    node = steps[0]["node"]
    useful_s = sum(step["seconds"] for step in steps if step["node"] == node)
    return Calm(
        weights=weights,
        seconds=seconds,
        boot_s=max(0.0, seconds - useful_s),
        steps=max(step["step"] for step in steps),
        useful_s=useful_s,
    )


@dataclass(slots=True)
class _Striking:
    """Rounds of attempts until enough kills have landed."""

    words: tuple[str, ...]
    out: Path
    plan: Plan
    calm: Calm
    every_s: float
    chance: random.Random
    say: Say
    _deck: Deck = field(init=False)

    def __post_init__(self) -> None:
        self._deck = Deck(self.chance)

    def go(self, kills: int) -> Iterator[Start]:
        landed = began = number = 0
        most = STARTS_PER_KILL * kills + MORE_STARTS
        while landed < kills and began < most:
            number += 1
            for start in self._round(number, kills, landed):
                yield start
                landed += start.landed
                began += 1
                if start.hung or began >= most:
                    break

    def _round(self, number: int, kills: int, landed: int) -> Iterator[Start]:
        """Start attempt after attempt until the training is done, striking as long as kills are wanted."""
        folder = self.out / f"round-{number}"
        room = Room(
            folder=folder,
            plan=in_room(self.plan, folder, full_every_s=self.every_s),
            words=self.words,
        )
        acknowledged = attempt = last_step = calm_ends = 0
        while calm_ends < 2:
            attempt += 1
            strike = self._deck.draw(acknowledged > 0) if landed < kills else None
            self.say(
                f"{landed} of {kills} kills; round {number}, attempt {attempt}, step {last_step} of "
                f"{self.calm.steps}: {strike.name if strike else 'on to the end'}"
            )
            start = self._start(room, number, attempt, strike, acknowledged)
            yield start
            landed += start.landed
            if strike is not None and not start.landed:
                self._deck.missed(strike)
            acknowledged, last_step = start.committed_step, start.last_step or last_step
            if start.is_done or start.hung or (not start.landed and start.exit_code != 0):
                return
            calm_ends += strike is None

    def _start(self, room: Room, number: int, at: int, strike: Strike | None, acknowledged: int) -> Start:
        with room.start(at, crash_at=strike.point if strike else "") as attempt:
            code, struck = self._strike(strike, room, at, attempt, acknowledged)
            seconds = attempt.seconds
            ended = attempt.kill() if code is None else code
        told = seen(room.events(at), acknowledged)
        return Start(
            round=number,
            attempt=at,
            strike=strike,
            hung=code is None and not struck,
            exit_code=ended,
            seconds=seconds,
            landed=struck and told["weights"] is None and not told["failed"],
            **told,
        )

    def _strike(
        self, strike: Strike | None, room: Room, at: int, attempt: Attempt, acknowledged: int
    ) -> tuple[int | None, bool]:
        """Return how the command ended, None where it still runs, and whether it was struck."""
        if strike is None or strike.kind == "point":  # It strikes itself there.
            code = attempt.wait(max(LEAST_PATIENCE_S, PATIENCE * self.calm.seconds))
            return code, strike is not None and code not in (0, None)
        code = self._wait_for(strike, room, at, attempt, acknowledged)
        if code is not None or strike.kind == "moment":
            return code, code is None
        return attempt.warn(self.plan.notice.nominal_s), True

    def _wait_for(self, strike: Strike, room: Room, at: int, attempt: Attempt, done_steps: int) -> int | None:
        """Wait for the strike's moment: while the command boots, or so far into the steps that are left."""
        if strike.share < BOOT_SHARE:
            return attempt.wait(self.calm.boot_s * strike.share / BOOT_SHARE)
        while not room.events(at):
            if (code := attempt.wait(POLL_S)) is not None or attempt.seconds > PATIENCE * self.calm.seconds:
                return code
        into = (strike.share - BOOT_SHARE) / (1 - BOOT_SHARE)
        return attempt.wait(into * self.calm.useful_s * (1 - done_steps / self.calm.steps))
