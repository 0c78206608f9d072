"""What run events say of our own machines: how long each lived, how it ended, what its overheads took.

The launcher obtains a machine and sees it taken, so its word comes before the node's. A node
of which nobody says how it ended is censored where it was last heard. The log of a gang does
not name the machine that was taken, and stopping the others looks like a warning to them. So
the first to be warned is taken for it, else the first to fall silent, and the others were
stopped: one preemption, not one per node.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from model.attempts import LAUNCHER, LEAD_NODE, Event, begun, instant
from model.market import EndCause

SIGHTING_S: Final = 3600.0  # How often a running machine is noted as alive; see `lives`.
CAUSES: Final = {
    "done": EndCause.STOPPED,
    "stopped": EndCause.STOPPED,
    "preempted": EndCause.PREEMPTED,
    "failed": EndCause.FAILED,
}
MEASURED: Final = {"captured": "pause", "committed": "upload", "restored": "restore", "waiting": "wait"}
FIRST_ATTEMPT: Final = 1
End = tuple[datetime, EndCause]
Row = dict[str, Any]


@dataclass(frozen=True)
class AttemptLog:
    """The events of one attempt, in order of time."""

    run_id: str
    number: int
    pool_id: str
    events: Sequence[Event]

    def of(self, node: str, *names: str) -> list[Event]:
        """Events of one node, all of them or those of some names."""
        own = self._by_node.get(node, ())
        return [e for e in own if not names or e["event"] in names]

    @cached_property
    def _by_node(self) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = {}
        for event in self.events:
            found.setdefault(str(event["node"]), []).append(event)
        return found

    @property
    def nodes(self) -> list[str]:
        """Machines that spoke; the lead node where only the launcher speaks of it."""
        spoke = sorted(self._by_node.keys() - {LAUNCHER})
        return spoke or ([LEAD_NODE] if self.of(LAUNCHER, "started") else [])

    @property
    def obtained_at(self) -> datetime | None:
        """When the launcher got the machines."""
        starts = self.of(LAUNCHER, "started")
        return instant(starts[0]) if starts else None

    def heard(self, node: str) -> list[datetime]:
        """When a node was known alive: the launcher's start, and every event of its own."""
        first = [self.obtained_at] if self.obtained_at else []
        return sorted({*first, *(instant(e) for e in self.of(node))})


def instance_ref(run_id: str, attempt: int, node: str) -> str:
    """A name for a machine of ours that shows neither run nor host, the same every time."""
    return "run-" + hashlib.sha256("\n".join((run_id, str(attempt), node)).encode()).hexdigest()[:20]


def tenure_rows(log: AttemptLog) -> Iterator[Row]:
    """Rows of `tenures`: each machine when obtained, about hourly, and when it ended or was last heard."""
    ends = dict(_ends(log))
    for node in log.nodes:
        heard = log.heard(node)
        end = ends.get(node)
        last = heard[-1] if end is None else max(end[0], heard[0])
        for seen in _hourly([at for at in heard if at <= last], last):
            over = end is not None and seen == last
            yield {
                "pool_id": log.pool_id,
                "instance_ref": instance_ref(log.run_id, log.number, node),
                "began_at": heard[0],
                "ended_at": last if over else None,
                "end_cause": end[1].value if end and over else None,
                "began_before": False,
                "observed_at": seen,
            }


def _hourly(heard: Sequence[datetime], last: datetime) -> Iterator[datetime]:
    """The first instant, one in every hour after it, and the last."""
    hour = -1.0
    for at in heard:
        this = (at - heard[0]).total_seconds() // SIGHTING_S
        if this > hour and at < last:
            yield at
        hour = max(hour, this)
    yield last


def _ends(log: AttemptLog) -> Iterator[tuple[str, End]]:
    """How each node ended, where anybody says so."""
    losses, words = log.of(LAUNCHER, "preempted"), log.of(LAUNCHER, "ended")
    lost = bool(losses) or any(word["reason"] == "preempted" for word in words)
    taken = _taken(log) if lost and log.nodes else None
    for node in log.nodes:
        own = log.of(node, "ended")
        if node == taken:
            yield node, (instant((losses or words)[0]), EndCause.PREEMPTED)
        elif lost:
            yield node, (instant((words or losses)[0]), EndCause.STOPPED)
        elif said := words or own:
            yield node, (instant(said[0]), CAUSES[said[0]["reason"]])


def _taken(log: AttemptLog) -> str:
    """The machine that was preempted: the first to be warned, else the first to fall silent."""
    warned = {node: instant(notices[0]) for node in log.nodes if (notices := log.of(node, "notice"))}
    silent = warned or {node: log.heard(node)[-1] for node in log.nodes}
    return min(silent, key=lambda node: (silent[node], node))


def overhead_rows(log: AttemptLog) -> Iterator[Row]:
    """Rows of `overheads`, as the log measured them."""
    for event in log.events:
        if (what := MEASURED.get(event["event"])) is not None:
            yield _overhead(log, event["node"], what, event["seconds"], event.get("bytes"), instant(event))
    if log.number > FIRST_ATTEMPT:  # A first start restarts nothing.
        for node in log.nodes:
            yield from _restart(log, node)


def _restart(log: AttemptLog, node: str) -> Iterator[Row]:
    """From the machine to the beginning of the first new step; unknown where there was none."""
    steps, starts = log.of(node, "step"), log.of(node, "started")
    from_at = log.obtained_at or (instant(starts[0]) if starts else None)
    if steps and from_at is not None:
        stepped_at = begun(steps[0])
        yield _overhead(log, node, "restart", (stepped_at - from_at).total_seconds(), None, stepped_at)


def _overhead(log: AttemptLog, node: str, what: str, seconds: float, moved: int | None, at: datetime) -> Row:
    return {
        "run_id": log.run_id, "attempt": log.number, "node": node, "pool_id": log.pool_id, "what": what,
        "seconds": float(seconds), "bytes": moved, "effective_at": at, "observed_at": at,
    }  # fmt: skip
