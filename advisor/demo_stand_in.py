"""The job that is really trained in the demo, in the place of the one in the job file.

A minute of a small transformer on one core stands for a day on many GPUs: same prices, same
history, this machine's own overheads, and market time that runs faster by a stated factor. What
the stand-in does not do (other speeds, moving a data set) its prediction does not contain either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from model.job import SECONDS_PER_HOUR

from . import format as fmt
from .demo_measure import Measured
from .replay import NOTICE_S
from .windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A job of so many steps, and how fast the market passes meanwhile."""

    spec: dict[str, Any]
    steps: int
    compression: float  # Market seconds per real second.
    measured: Measured

    @property
    def useful(self) -> timedelta:
        """Its work, market time."""
        return timedelta(hours=self.spec["job"]["useful_hours"])

    @property
    def restart(self) -> timedelta:
        """Machine to first new step, market time."""
        return timedelta(seconds=self.measured.restart_s * self.compression)

    def sentence(self) -> str:
        """What was measured, and what stands for what."""
        seen, hours = self.measured, self.useful / timedelta(hours=1)
        return (
            f"A step takes {seen.step_s * 1e3:.0f} ms here, a save {seen.pause_s * 1e3:.0f} ms, a restart "
            f"{seen.restart_s:.1f} s. {self.steps} steps stand for {hours:g} useful hours: a real second is "
            f"{fmt.seconds(self.compression)} of the market."
        )


def make_stand_in(spec: Mapping[str, Any], measured: Measured, useful_s: float) -> StandIn:
    """Return the stand-in of a job.

    Args:
        spec: The job as its file says it.
        measured: This machine's trainer.
        useful_s: Real seconds of work that stand for the job's useful hours.
    """
    steps = max(round(useful_s / measured.step_s), 1)
    compression = spec["job"]["useful_hours"] * SECONDS_PER_HOUR / (steps * measured.step_s)
    reference = next(iter(spec["job"]["throughput"]))
    job = {
        **spec["job"],
        "name": f"{spec['job']['name']} stand-in",
        "throughput": {reference: 1.0},
        "state_bytes": measured.state_bytes,
    }
    kept = {name: value for name, value in spec.items() if name not in ("job", "overheads", "data")}
    scaled = {**kept, "job": job, "overheads": measured.overheads(compression)}
    return StandIn(spec=scaled, steps=steps, compression=compression, measured=measured)


def assumptions(stand_in: StandIn, window: Window) -> tuple[tuple[str, str], ...]:
    """Return what the demo's figures rest on, as (name, sentence)."""
    seen, factor = stand_in.measured, stand_in.compression
    gpu = next(iter(stand_in.spec["job"]["throughput"]))
    return (
        ("Window", f"Starts {fmt.instant(window.start_at)}. {window.sentence()}"),
        ("Time", f"{stand_in.sentence()} Market time runs {factor:.0f} times faster than real time."),
        (
            "Stand-in",
            f"A small transformer on one CPU core trains at one speed, so it stands for {gpu} alone, "
            f"moves no data set and saves {fmt.size(seen.state_bytes)}. The table of the ranking is of the "
            "job as written.",
        ),
        (
            "Overheads",
            f"Boot {seen.boot_s:.2f} s, restore {seen.restore_s:.3f} s, warm-up {seen.warmup_s:.3f} s and "
            f"pause {seen.pause_s:.3f} s, measured on this machine and multiplied by {factor:.0f}. Trainers "
            "are forked from a standby that has torch loaded already; each is a process of its own.",
        ),
        (
            "Preemptions",
            "A machine is taken back at its pool's next recorded drop of availability after it was given. "
            "Strikes on a trainer that still boots are counted apart.",
        ),
        (
            "Notice",
            "History does not tell which preemptions were announced: a seeded order gives two of five a "
            f"notice of {NOTICE_S:g} real seconds. A provider's 30 to 120 s would be less than one step at "
            "this compression.",
        ),
        ("Cost", "Machines only, from the price steps of each pool over the time it was billed."),
    )
