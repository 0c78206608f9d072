"""What the report says, read from the service's answers: figures in words and series for charts.

Pure: parsed JSON in, values out. Every realised figure is the service's own, computed from the
stored run events; a figure is never taken from what the demo itself remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from . import format as fmt
from .progress import RunClock
from .report_charts import Choice, Loss, Span
from .tables import shown_options

HOUR = timedelta(hours=1)
BLINK_H = 0.1  # Idle time that a drawing leaves out; the accounts do not.
POINTS = 400  # Of one line in a drawing.
CHOICES = 12  # Pools in the ranking's drawing; the table has them all.
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One quantity: what was predicted with its interval, what was realised, and whether it fell inside."""

    name: str
    predicted: str
    interval: str
    realised: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strikes:
    """What struck the trainer, counted from the stored `preempted` events."""

    sigkill: int
    sigterm: int
    sigkill_at_work: int  # In the middle of a step or of a save.
    sigterm_at_work: int
    mid_step: int
    mid_save: int
    in_boot: int  # Booting or restoring.

    def sentence(self) -> str:
        """The counts in words."""
        return (
            f"Struck {self.sigkill + self.sigterm} times: {self.sigkill} SIGKILL, {self.sigterm} SIGTERM. "
            f"{self.mid_step} landed in the middle of a step and {self.mid_save} in the middle of a save "
            f"({self.sigkill_at_work} SIGKILL, {self.sigterm_at_work} SIGTERM), {self.in_boot} while booting "
            "or restoring."
        )


def compared(run: Json) -> list[Compared]:
    """Return predicted against realised, one row per quantity."""
    before, after = run["predicted"], run["realised"]
    rows = [
        _row("Cost", before["cost_usd"], _number(after["cost_usd"]), fmt.usd),
        _row(
            "Effective price per useful GPU-hour",
            before["effective_usd_per_gpu_hour"],
            _number(after["effective_usd_per_gpu_hour"]),
            lambda value: fmt.usd(value, 3),
        ),
        _row("Start to done", before["finish_hours"], after["wall_hours"], _hours),
        _row("Billed time", before["billed_hours"], after["billed_hours"], _hours),
        _row("Lost work", before["lost_work_hours"], after["lost_work_hours"], _hours),
        _row("Preemptions, each a restart", before["preemptions"], float(after["preemptions"]), _few),
    ]
    saving = _number(after["saving"])
    rows.append(
        Compared(
            name="Saving against on-demand", predicted=fmt.percent(before["saving"], 1), interval=fmt.UNKNOWN,
            realised=fmt.percent(saving, 1), verdict="",
        )
    )  # fmt: skip
    return rows


def _row(name: str, spread: Json, realised: float | None, say: Callable[[float | None], str]) -> Compared:
    inside = realised is not None and spread["p10"] <= realised <= spread["p90"]
    where = "inside" if inside else "below" if realised is not None and realised < spread["p10"] else "above"
    return Compared(
        name=name,
        predicted=say(spread["p50"]),
        interval=f"{say(spread['p10'])} to {say(spread['p90'])}",
        realised=say(realised),
        verdict=fmt.UNKNOWN if realised is None else where,
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _hours(value: float | None) -> str:
    return fmt.UNKNOWN if value is None else f"{value:.2f} h"


def _few(value: float | None) -> str:
    return fmt.UNKNOWN if value is None else f"{value:.3g}"


def strikes(events: Sequence[Json]) -> Strikes:
    """Count the stored losses by signal and by what the trainer was doing."""
    lost = [event for event in events if event["event"] == "preempted"]
    working = [event for event in lost if event["phase"] in ("step", "save")]

    def count(chosen: Sequence[Json], **wanted: str) -> int:
        return sum(all(event[key] == value for key, value in wanted.items()) for event in chosen)

    return Strikes(
        sigkill=count(lost, signal="SIGKILL"),
        sigterm=count(lost, signal="SIGTERM"),
        sigkill_at_work=count(working, signal="SIGKILL"),
        sigterm_at_work=count(working, signal="SIGTERM"),
        mid_step=count(lost, phase="step"),
        mid_save=count(lost, phase="save"),
        in_boot=count(lost, phase="boot") + count(lost, phase="restore"),
    )


class Course:
    """A run's events on its market clock, in hours since the job's start.

    Args:
        run: Answer of GET /v1/runs/{id}.
        events: Its stored events.
    """

    def __init__(self, run: Json, events: Sequence[Json]) -> None:
        self._run, self._events = run, events
        self._clock = RunClock.of(run["clock"], datetime.fromisoformat(run["opened_at"]))
        self._pools = {event["attempt"]: event["pool_id"] for event in events if event["event"] == "started"}

    def hour(self, event: Json) -> float:
        """Market hours from the start to an event."""
        return self._since(self._clock.of_event(event))

    def _since(self, at: datetime) -> float:
        return (at - self._clock.market_origin_at) / HOUR

    def spans(self) -> list[Span]:
        """The run's timeline, without the blinks between two steps."""
        spans = [
            Span(
                pool_id=each["pool_id"], attempt=each["attempt"], kind=each["kind"],
                from_h=self._since(datetime.fromisoformat(each["from_at"])),
                until_h=self._since(datetime.fromisoformat(each["until_at"])),
            )
            for each in self._run["timeline"]
            if each["pool_id"]
        ]  # fmt: skip
        return _joined(
            [span for span in spans if span.kind != "idle" or span.until_h - span.from_h > BLINK_H]
        )

    def losses(self) -> list[Loss]:
        """Machines taken back, in order of time."""
        return [
            Loss(
                pool_id=event["pool_id"], attempt=event["attempt"], at_h=self.hour(event),
                step=self._reached(event["attempt"]), with_notice=event["with_notice"],
                signal=event["signal"] or fmt.UNKNOWN, phase=event["phase"],
            )
            for event in self._events
            if event["event"] == "preempted"
        ]  # fmt: skip

    def _reached(self, attempt: int) -> int:
        """Steps completed by the end of an attempt, counting earlier ones where it made none."""
        own = [event for event in self._events if event["event"] in ("step", "restored")]
        last = [event["step"] for event in own if event["attempt"] == attempt]
        before = [event["step"] for event in own if event["attempt"] < attempt]
        return int((last or before or [0])[-1])

    def steps(self) -> list[list[tuple[float, int]]]:
        """(hour, steps completed), a list per attempt, thinned for drawing."""
        done = [event for event in self._events if event["event"] == "step"]
        lines = []
        for _, group in groupby(done, key=lambda event: event["attempt"]):
            line = [(self.hour(event), int(event["step"])) for event in group]
            lines.append(_thinned(line, POINTS // 4))
        return lines

    def bills(self) -> list[tuple[str, datetime, datetime]]:
        """(pool, from, until) of every machine billed, market time."""
        found = []
        for attempt, pool_id in self._pools.items():
            own = [e for e in self._events if e["attempt"] == attempt and e["node"] == "launcher"]
            began = next(e for e in own if e["event"] == "started")
            over = next((e for e in own if e["event"] in ("preempted", "ended")), own[-1])
            found.append((pool_id, self._clock.of_event(began), self._clock.of_event(over)))
        return found

    def paid(self, billed: Callable[[str, datetime, datetime], float]) -> list[tuple[float, float]]:
        """(hour, USD so far), for drawing; `billed` is USD for all machines of a pool over a span."""
        line, total = [(0.0, 0.0)], 0.0
        for pool_id, from_at, until_at in self.bills():
            line.append((self._since(from_at), total))
            total += billed(pool_id, from_at, until_at)
            line.append((self._since(until_at), total))
        return line


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Join neighbours of one kind in one attempt."""
    told: list[Span] = []
    for span in spans:
        last = told[-1] if told else None
        if last and (last.attempt, last.kind) == (span.attempt, span.kind):
            told[-1] = replace(last, until_h=span.until_h)
        else:
            told.append(span)
    return told


def _thinned(line: list[tuple[float, int]], most: int) -> list[tuple[float, int]]:
    every = max(1, len(line) // most)
    return [*line[::every], line[-1]]


def choices(recommendation: Json, used: Sequence[str]) -> list[Choice]:
    """The first ranked pools, and the first on-demand one, which everything is compared with."""
    return [
        Choice(
            rank=option["rank"], pool_id=option["pool_id"], ran=option["pool_id"] in used,
            **{name: option["effective_usd_per_gpu_hour"][name] for name in ("p10", "p50", "p90")},
        )
        for option in shown_options(recommendation["options"], CHOICES)
    ]  # fmt: skip
