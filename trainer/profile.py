"""Measures what saving and restarting cost a user's own training, in seconds and bytes.

The command is started twice. The first start saves as often as it can, until enough saves stand; then it
is killed, as the loss of its machine would. The second restores and steps on with no saves, until a step
and its first, slower ones are known; then it is told to leave. Standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from .attempt import POLL_S, Attempt, CannotStart, NoRunLog, Room, in_room
from .drill import RoomTaken
from .errors import TrainerError
from .plan import Plan

SAVES, CALM_STEPS = 5, 20
WARM_STEPS = 10  # Steps of a start that may be slower than later ones.
PATIENCE_S = 3600.0
EVERY_STEP_S, NEVER_S = 1e-9, 1e9

Say = Callable[[str], None]
Events = Sequence[dict[str, Any]]


class TooShort(TrainerError):
    """The command ended before there was anything to measure."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Measured medians; seconds are real ones."""

    step_s: float
    step_while_saving_s: float
    pause_s: float
    save_s: float  # From the beginning of a save until it is committed, the pause included.
    restore_s: float
    boot_s: float  # From the start of the process to its first step, the restore not included.
    warmup_s: float  # What the first steps after a start took longer than a later one.
    state_bytes: int
    bytes_per_second: float
    saves: int
    steps: int

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as a JSON object."""
        return asdict(self)

    def to_toml(self) -> str:
        """Return the profile as lines for a job file."""
        return "\n".join((
            "[overheads]                    # Seconds.",
            f"pause_s = {self.pause_s:.4g}",
            f"save_lag_s = {max(0.0, self.save_s - self.pause_s):.4g}",
            f"boot_s = {self.boot_s:.4g}",
            f"restore_s = {self.restore_s:.4g}",
            f"warmup_s = {self.warmup_s:.4g}",
            f'origin = "measured by lowtide profile: {self.saves} saves, one restart, {self.steps} steps"',
            "",
            "# And in [job]:",
            f"# state_bytes = {self.state_bytes}",
        ))  # fmt: skip


def profile(
    words: Sequence[str], *, out: Path, plan: Plan, saves: int = SAVES, say: Say = lambda _: None
) -> Profile:
    """Run the command for a few saves and one restart, and return what they cost.

    Args:
        words: The command, with `{plan}` and `{spool}` where it wants them.
        out: An empty folder, on the storage that is to be measured.
        plan: How to save: tiers, keys, notice. Stores, interval and expiry are our own.
        saves: How many to measure.
        say: Is told in one line what goes on.

    Raises:
        CannotStart: The command ends with an error by itself.
        NoRunLog: It writes no run log.
        TooShort: It ends before there was anything to measure.
        RoomTaken: `out` is not empty.
    """
    if out.exists() and any(out.iterdir()):
        raise RoomTaken(f"{out} is not empty.", fix="Name another folder with --out, or remove it.")
    folder = out.resolve()
    say(f"the first start, for {saves} saves")
    first, _ = _watch(_room(folder, words, plan, EVERY_STEP_S), 1, lambda events: _has_saved(events, saves))
    say("the second start: restore, and steps without saves")
    second, born_at = _watch(_room(folder, words, plan, NEVER_S), 2, _has_stepped)
    return measured(first, second, born_at=born_at)


def _room(folder: Path, words: Sequence[str], plan: Plan, every_s: float) -> Room:
    return Room(folder=folder, plan=in_room(plan, folder, full_every_s=every_s), words=tuple(words))


def _has_saved(events: Events, saves: int) -> bool:
    """Saves of the writer that were made while it still came up are not counted on."""
    return len(_of(events, "committed")) > saves


def _has_stepped(events: Events) -> bool:
    return len(_of(events, "step")) >= WARM_STEPS + CALM_STEPS


def _watch(room: Room, at: int, is_enough: Callable[[Events], bool]) -> tuple[Events, float]:
    """Run an attempt until its run log says enough or it ends; return the log and when it was started."""
    with room.start(at) as attempt:
        code = _wait(attempt, lambda: is_enough(room.events(at)))
        attempt.kill()
    events = room.events(at)
    if code not in (0, None):
        raise CannotStart(
            f"{room.words[0]} ends with exit code {code}: {room.tail(at)}",
            fix=f"Correct it first; what it printed is in {room.output(at)}.",
        )
    if not events:
        raise NoRunLog(
            f"{room.words[0]} wrote no run log in {room.spool}.",
            fix="Train inside SpotSession(Plan.read(os.environ['LOWTIDE_PLAN']), …), "
            "or have the words {plan} and {spool} in the command.",
        )
    return events, attempt.born_at


def _wait(attempt: Attempt, is_enough: Callable[[], bool]) -> int | None:
    while attempt.seconds < PATIENCE_S:
        code = attempt.wait(10 * POLL_S)
        if code is not None or is_enough():
            return code
    raise TooShort(
        f"After {PATIENCE_S:.0f} s it had not come far enough.", fix="Take a smaller model, or fewer --saves."
    )


def measured(first: Events, second: Events, *, born_at: float) -> Profile:
    """Return the profile that two run logs tell: of a start that saves, and of one that restores and steps.

    Raises:
        TooShort: They hold no save, no restore or too few steps.
    """
    node = first[0]["node"]
    first, second = ([event for event in log if event["node"] == node] for log in (first, second))
    committed, captured = (_settled(_of(first, kind)) for kind in ("committed", "captured"))
    steps, restored = _of(second, "step"), _of(second, "restored")
    if not committed or not captured or not restored or len(steps) <= WARM_STEPS:
        raise TooShort(
            f"The command ended after {len(committed)} saves, {len(restored)} restores and {len(steps)} "
            f"steps behind them; more than {WARM_STEPS} are needed.",
            fix="Give it more steps.",
        )
    step_s = median(step["seconds"] for step in steps[WARM_STEPS:])
    save_s = median(each["seconds"] for each in committed)
    state_bytes = max(each["bytes"] for each in committed)
    began = datetime.fromisoformat(steps[0]["at"]).timestamp() - steps[0]["seconds"]
    return Profile(
        step_s=step_s,
        step_while_saving_s=median(step["seconds"] for step in _of(first, "step")),
        pause_s=median(each["seconds"] for each in captured),
        save_s=save_s,
        restore_s=restored[0]["seconds"],
        boot_s=max(0.0, began - born_at - restored[0]["seconds"]),
        warmup_s=max(0.0, sum(step["seconds"] - step_s for step in steps[:WARM_STEPS])),
        state_bytes=state_bytes,
        bytes_per_second=state_bytes / save_s if save_s else 0.0,
        saves=len(committed),
        steps=len(steps),
    )


def _settled(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave the first out where there are others: it waits for the writer to come up."""
    return events[1:] or events


def _of(events: Events, kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]
