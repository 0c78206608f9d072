"""What a request for a backtest may say, and what quality is answered with."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .answers_standing import Answer
from .fanout import MOST_WORKERS
from .wire import Instant, JobSpec, Strict


class BacktestRequest(Strict):
    """Body of POST /v1/backtests."""

    from_at: Instant | None = None  # None: the middle of the newest record of probes.
    until_at: Instant | None = None  # None: the newest probe.
    every_hours: Annotated[float, Field(ge=0.25, le=24 * 366)] = 24.0
    window_hours: Annotated[float, Field(ge=1, le=24 * 3660)] = 720.0
    spec: JobSpec | None = None  # A job to start at every origin; None: the market alone is scored.
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    draws: Annotated[int, Field(ge=100, le=20_000)] = 2000
    workers: Annotated[int, Field(ge=1, le=MOST_WORKERS)] = 1
    engine: Literal["processes", "ray", "here"] = "processes"


class FigureOut(Answer):
    """One figure with its 90 % interval, what it rests on, and a baseline's value on the same things."""

    figure: str
    unit: str
    better: str
    pool_id: str | None
    horizon_hours: float | None
    baseline: str | None
    value: float
    low: float
    high: float
    n: int
    days: int
    baseline_value: float | None
    apart_low: float | None
    apart_high: float | None


class BinOut(Answer):
    """How often what was given a chance between two bounds came."""

    horizon_hours: float
    forecast: str
    low: float
    high: float
    count: int
    chance: float | None
    came: float | None
    came_low: float | None
    came_high: float | None


class BacktestOut(Answer):
    """A backtest; where none was made, the id is null, and `why` and `fix` say what to do."""

    backtest_id: str | None
    name: str | None
    from_at: str | None
    until_at: str | None
    made_at: str | None
    every_hours: float | None
    window_hours: float | None
    origins: int | None
    pools: int | None
    job: dict[str, Any] | None
    seed: int | None
    code_version: str | None
    sources: list[str]
    synthetic: bool
    figures: list[FigureOut]
    calibration: list[BinOut]
    left_out: list[str]
    why: str | None
    fix: str | None
