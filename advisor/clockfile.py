"""A run's clock as others read it: the body of POST /v1/runs, and the trainer's clock file."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from model.errors import EnvironmentTrouble

from .progress import RunClock


def clock_body(clock: RunClock) -> dict[str, Any]:
    """Return a run's clock as the API and the trainer read it."""
    return {
        "market_origin_at": clock.market_origin_at.isoformat(),
        "wall_origin_at": clock.wall_origin_at.isoformat(),
        "compression": clock.compression,
    }


def write_clock(clock: RunClock, path: Path) -> Path:
    """Write the trainer's clock file."""
    half = path.with_name(f"{path.name}.part")  # A full disk or a kill must not take the clock of a run.
    half.write_text(json.dumps(clock_body(clock), indent=2) + "\n")
    return half.replace(path)


def read_clock(path: Path) -> RunClock:
    """Read a clock file.

    Raises:
        EnvironmentTrouble: It is absent, or damaged.
    """
    try:
        written = json.loads(path.read_text())
        return RunClock.of(written, datetime.fromisoformat(written["wall_origin_at"]))
    except (OSError, ValueError, KeyError, TypeError) as trouble:
        raise EnvironmentTrouble(
            f"The clock of the run, {path}, cannot be read ({type(trouble).__name__}).",
            fix="Put the file back as it was; without it no instant of this run can be told.",
        ) from None
