"""What a drill saw, and the verdict on it: a pure function of run events.

Two promises are checked. Every restore goes back at least to the newest exact checkpoint that was
acknowledged, and the run ends in the very weights of a run that nothing happened to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["point", "moment", "notice"]
Weights = dict[str, str]  # Node → SHA-256 of what it holds in the end.


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """How a process is to be struck: at a named point, at a moment, or at a moment and with notice."""

    kind: Kind
    point: str = ""  # As LOWTIDE_CRASH_AT takes it.
    share: float = 0.0  # Of the seconds the attempt would take, where there is no point.

    @property
    def name(self) -> str:
        """The strike in words."""
        return self.point or {"moment": "any moment", "notice": "with notice"}[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start of the command, and what its run log says."""

    round: int
    attempt: int
    strike: Strike | None
    landed: bool  # It was killed, or left on notice. A process may end before it is struck.
    hung: bool
    exit_code: int
    seconds: float
    acknowledged_step: int  # Newest exact commit that earlier attempts of this round had been told of.
    restored_step: int | None  # None where it did not come that far.
    last_step: int | None
    committed_step: int  # As acknowledged_step, with this attempt's own.
    failed: bool  # The session itself says so: no kill looks like that.
    weights: Weights | None  # Of a run that was done.

    @property
    def was_late(self) -> bool:
        """Whether it was struck when all was done and it was about to leave."""
        return self.strike is not None and self.is_done

    @property
    def is_done(self) -> bool:
        """Whether the training came to its end."""
        return self.weights is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came out."""

    ok: bool
    problems: tuple[str, ...]
    kills: int
    kills_asked: int
    by_kind: dict[str, int]
    points_killed_at: tuple[str, ...]
    points_not_reached: tuple[str, ...]  # Asked for, and the command was done before it came there.
    rounds: int
    starts: int
    restores: int
    steps_lost: int  # Done again, over all kills.
    saved_on_notice: int  # Notices after which no step was lost.
    weights: Weights
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as a JSON object."""
        return asdict(self)


def seen(events: Sequence[dict[str, Any]], acknowledged_step: int) -> dict[str, Any]:
    """Return what an attempt's events say, as the fields of a Start."""
    steps = [event["step"] for event in _of(events, "step")]
    restored = [event["step"] for event in _of(events, "restored")]
    begun = restored or [step - 1 for step in steps[:1]]
    exact = [event["step"] for event in _of(events, "committed") if event["exact"]]
    return {
        "acknowledged_step": acknowledged_step,
        "restored_step": min(begun) if begun else None,
        "last_step": max(steps, default=None),
        "committed_step": max([acknowledged_step, *exact]),
        "failed": any(event["reason"] == "failed" for event in _of(events, "ended")),
        "weights": weights_of(events),
    }


def weights_of(events: Sequence[dict[str, Any]]) -> Weights | None:
    """Return the final weights of each node of a run that is done; None where it is not."""
    ended = [event for event in _of(events, "ended") if event["reason"] == "done"]
    return {event["node"]: event["weights_sha256"] for event in ended} or None


def _of(events: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def judge(reference: Weights, starts: Sequence[Start], *, kills_asked: int, seed: int) -> Verdict:
    """Return the verdict on a drill."""
    struck = [start for start in starts if start.landed and start.strike is not None]
    problems = [words for start in starts for words in _problems(start, reference)]
    if len(struck) < kills_asked and not problems:
        problems.append(
            f"Only {len(struck)} of {kills_asked} kills landed, as the command ended before the others: "
            "give it more steps."
        )
    kinds = [start.strike.kind for start in struck if start.strike is not None]
    lost = _lost(starts)
    return Verdict(
        ok=not problems,
        problems=tuple(problems),
        kills=len(struck),
        kills_asked=kills_asked,
        by_kind={kind: kinds.count(kind) for kind in sorted(set(kinds))},
        points_killed_at=_points(struck),
        points_not_reached=tuple(
            sorted(set(_points([start for start in starts if not start.landed])) - set(_points(struck)))
        ),
        rounds=len({start.round for start in starts}),
        starts=len(starts),
        restores=sum(bool(start.restored_step) for start in starts),
        steps_lost=sum(lost.values()),
        saved_on_notice=sum(
            lost.get(place) == 0
            for place, start in enumerate(starts)
            if start in struck and start.strike is not None and start.strike.kind == "notice"
        ),
        weights=reference,
        seed=seed,
    )


def _points(starts: Sequence[Start]) -> tuple[str, ...]:
    points = {start.strike.point.partition(":")[0] for start in starts if start.strike is not None}
    return tuple(sorted(points - {""}))


def _problems(start: Start, reference: Weights) -> list[str]:
    name = f"Round {start.round}, attempt {start.attempt}"
    found = []
    if start.hung:
        found.append(f"{name}: hung and was killed after {start.seconds:.0f} s.")
    elif start.failed or (start.exit_code != 0 and not start.landed and not start.was_late):
        found.append(f"{name}: ended with exit code {start.exit_code}.")
    if start.restored_step is not None and start.restored_step < start.acknowledged_step:
        found.append(
            f"{name}: went on from step {start.restored_step}, though step {start.acknowledged_step} "
            "had been acknowledged."
        )
    if start.exit_code == 0 and start.weights is None:
        found.append(f"{name}: ended with 0 and its run log says of no end.")
    if start.weights is not None and start.weights != reference:
        found.append(f"{name}: ended in other weights than a run that nothing happened to.")
    return found


def _lost(starts: Sequence[Start]) -> dict[int, int]:
    """Return, by its place, how many steps of each start were done again by the next that restored."""
    lost = {}
    for place, start in enumerate(starts):
        later = [
            other.restored_step
            for other in starts[place + 1 :]
            if other.round == start.round and other.restored_step is not None
        ]
        if later and start.last_step is not None:
            lost[place] = max(0, start.last_step - later[0])
    return lost
