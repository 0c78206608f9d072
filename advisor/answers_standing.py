"""The part of an answer that says how sure it is: data grade, first place, what was screened only.

Here too is the base of every outbound shape, which `advisor.answers` builds on.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """The base of every outbound shape."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SpreadOut(Answer):
    """A predicted quantity: mean and quantiles."""

    mean: float
    p10: float
    p50: float
    p90: float


class FigureOut(Answer):
    """A shipped figure that was used, with source and date; text where it is a tag or terms."""

    name: str
    value: float | str
    unit: str
    source: str
    as_of: str
    confidence: str
    own: bool


class GradeOut(Answer):
    """How good the data behind an option is: a letter by a stated rule, and what it is read from."""

    letter: str
    events: int
    exposure_hours: float
    prior_share: float
    newest_age_s: float
    words: str


class LeverOut(Answer):
    """One thing made worse by a factor: the first option's mean then, and where it loses rank 1."""

    name: str
    unit: str
    now: float
    factor: float
    effective_usd_per_gpu_hour: float | None
    keeps_rank_1: bool
    loses_rank_1_above: float | None


class SensitivityOut(Answer):
    """What would cost the first option its place to the second."""

    against: str
    method: str
    levers: list[LeverOut]


class PassedOverOut(Answer):
    """A pool that was screened and not estimated, and why."""

    pool_id: str
    effective_usd_per_gpu_hour: float
    p_deadline: float | None
    reason: str


class ScreeningOut(Answer):
    """Where pools were too many to estimate each: how many were screened, and the best of those left out."""

    method: str
    screened: int
    estimated: int
    screened_out: int
    best: list[PassedOverOut]
