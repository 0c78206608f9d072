"""Run logs of the trainer as market data: tenures of our own machines, and measured overheads.

`run_batch` turns run events into facts, whether they come from a service's store or from the
spool files of a node. A torn line was never an event. Instants are those of the log, so a run
whose market clock runs faster than the wall's belongs to a synthetic market and is not to be
handed in here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd

from model.attempts import LAUNCHER, Event, instant
from model.market import Sku
from trainer.runlog import EventError, read_spool, validate_event

from .base import Batch
from .files import RecordedFile, head_of
from .run_lives import AttemptLog, Row, overhead_rows, tenure_rows

ENVELOPE: Final = frozenset({"schema_version", "run_id", "attempt", "node", "seq", "at", "event"})
KEY: Final = ("run_id", "attempt", "node", "seq")
CLOCKS: Final = ("began_at", "ended_at", "effective_at", "observed_at")
SOURCE_ID: Final = "run-logs"
NOTE: Final = (
    "wall time of our own machines; which machine of a gang was taken is not recorded, and the first to "
    "be warned or to fall silent is taken for it"
)
Pools = Mapping[tuple[str, int], str]  # Run and attempt to pool key.


def is_run_event(line: str) -> bool:
    """True for a line of a run log."""
    try:
        event = json.loads(line)
    except ValueError:
        return False
    return isinstance(event, dict) and event.keys() >= ENVELOPE


def open_runlog(path: Path) -> RecordedFile:
    """The source for all run logs of a file's folder: the launcher's beside it says how a node ended."""
    return RecordedFile(
        path=path.parent,
        source_id=SOURCE_ID,
        licence="own runs",
        read=read_runlogs,
        note=NOTE,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRun:
    """A `Source` of attempts that a service was told of by their own machines.

    A run that was opened on a synthetic market holds synthetic machines: what it says is kept as a
    source of its own and of that kind, so that it never passes for evidence.
    """

    run_id: str
    synthetic: bool
    events: tuple[Event, ...] = field(repr=False)  # Of whole attempts.
    pools: Pools = field(default_factory=dict, repr=False)
    skus: tuple[Sku, ...] = field(default=(), repr=False)
    licence: str = "own runs"
    note: str = NOTE

    @property
    def source_id(self) -> str:
        """The same as of spools read from disk, so that an attempt is known once."""
        return f"{SOURCE_ID}-synthetic" if self.synthetic else SOURCE_ID

    @property
    def kind(self) -> str:
        """recorded, or synthetic."""
        return "synthetic" if self.synthetic else "recorded"

    @property
    def origin(self) -> str:
        """The run."""
        return self.run_id

    def batches(self) -> Iterator[Batch]:
        """One batch with every attempt."""
        yield run_batch(self.events, pools=self.pools, skus=self.skus)


def read_runlogs(folder: Path) -> Iterator[Batch]:
    """One batch with every run of a folder."""
    logs = [path for path in sorted(folder.glob("*.jsonl")) if is_run_event(_first_line(path))]
    yield run_batch(event for path in logs for event in read_spool(path))


def _first_line(path: Path) -> str:
    return head_of(path).partition("\n")[0]


def run_batch(events: Iterable[Event], *, pools: Pools | None = None, skus: tuple[Sku, ...] = ()) -> Batch:
    """Tenures and overheads of run events, in any order, with any repeated.

    Args:
        events: As the run log writes them and the service stores them; whole attempts, for one
            without its launcher's words looks like one that still runs.
        pools: Pools of attempts whose log names none; the log's own word comes first.
        skus: Machines of those pools that the catalogue does not have.

    Returns:
        A batch whose `rejected` names the events that are none, two events of one key, and the
        attempts without a pool; never what they contain, since it may name people.
    """
    strange: list[Row] = []
    rows: dict[str, list[Row]] = {"tenures": [], "overheads": []}
    for (run_id, attempt), own in sorted(_by_attempt(_known(events, strange)).items()):
        pool_id = _pool_of(own) or (pools or {}).get((run_id, attempt))
        if pool_id is None:
            strange.append(_strange("pool of the attempt is unknown", run_id=run_id, attempt=attempt))
            continue
        log = AttemptLog(run_id, attempt, pool_id, own)
        rows["tenures"] += tenure_rows(log)
        rows["overheads"] += overhead_rows(log)
    return Batch(
        tenures=_frame(rows["tenures"]),
        overheads=_frame(rows["overheads"]),
        rejected=pd.DataFrame(strange, columns=["reason", "content"]),
        skus=skus,
    )


def _known(events: Iterable[Event], strange: list[Row]) -> list[Event]:
    """Valid events, each key once, in order of time."""
    known: dict[tuple[Any, ...], Event] = {}
    for event in events:
        try:
            validate_event(event)
            instant(event)
        except (EventError, ValueError):
            strange.append(_strange("no run event", **_key_of(event)))
            continue
        key = tuple(event[name] for name in KEY)
        if known.setdefault(key, event) != event:
            strange.append(_strange("conflicting event", **_key_of(event)))
    return sorted(known.values(), key=lambda e: (instant(e), e["attempt"], e["node"], e["seq"]))


def _by_attempt(events: Iterable[Event]) -> dict[tuple[str, int], list[Event]]:
    """Events of each run and attempt."""
    found: dict[tuple[str, int], list[Event]] = {}
    for event in events:
        found.setdefault((event["run_id"], event["attempt"]), []).append(event)
    return found


def _pool_of(events: Iterable[Event]) -> str | None:
    """The pool as the log has it: the launcher's word, else a node's."""
    named = [event for event in events if event.get("pool_id")]
    first = [event for event in named if event["node"] == LAUNCHER] or named
    return str(first[0]["pool_id"]) if first else None


def _key_of(event: object) -> dict[str, Any]:
    return {name: event.get(name) for name in KEY} if isinstance(event, Mapping) else {}


def _strange(reason: str, **key: object) -> Row:
    return {"reason": reason, "content": json.dumps(key, sort_keys=True, default=str)}


def _frame(rows: list[Row]) -> pd.DataFrame | None:
    """Rows as a frame, clocks as UTC instants, bytes as whole numbers that may be unknown."""
    if not rows:
        return None
    frame = pd.DataFrame(rows)
    clocks = [clock for clock in CLOCKS if clock in frame]
    frame = frame.assign(**{clock: pd.to_datetime(frame[clock], utc=True) for clock in clocks})
    return frame.assign(bytes=frame["bytes"].astype("Int64")) if "bytes" in frame else frame
