"""The outbound shapes of how sure a ranking is: grade, first place, what was screened only."""

from __future__ import annotations

from math import isfinite

from model.estimate import Spread
from model.grade import Grade
from model.sensitivity import Lever

from .answers_standing import GradeOut, LeverOut, PassedOverOut, ScreeningOut, SensitivityOut, SpreadOut
from .recommend import Recommendation


def spread_out(found: Spread) -> SpreadOut:
    """Return the wire shape of a predicted quantity."""
    return SpreadOut(mean=found.mean, p10=found.p10, p50=found.p50, p90=found.p90)


def grade_out(found: Grade) -> GradeOut:
    """Return the wire shape of a grade."""
    return GradeOut(
        letter=found.letter,
        events=found.events,
        exposure_hours=found.exposure_hours,
        prior_share=found.prior_share,
        newest_age_s=found.newest_age_s,
        words=found.words,
    )


def sensitivity_out(found: Recommendation) -> SensitivityOut | None:
    """Return what would cost the first option its place; None where there is no second."""
    if found.sensitivity is None:
        return None
    return SensitivityOut(
        against=found.options[1].pool.key,
        method=found.sensitivity.method,
        levers=[_lever(each) for each in found.sensitivity.levers],
    )


def _lever(found: Lever) -> LeverOut:
    effective = found.effective_usd_per_gpu_hour
    return LeverOut(
        name=found.name,
        unit=found.unit,
        now=found.now,
        factor=found.factor,
        effective_usd_per_gpu_hour=effective if isfinite(effective) else None,  # The job would never end.
        keeps_rank_1=found.keeps_first,
        loses_rank_1_above=found.loses_above,
    )


def screening_out(found: Recommendation) -> ScreeningOut | None:
    """Return what the screening came to; None where every pool was estimated."""
    seen = found.screening
    if seen is None:
        return None
    return ScreeningOut(
        method=seen.method,
        screened=seen.screened,
        estimated=seen.estimated,
        screened_out=seen.screened_out,
        best=[
            PassedOverOut(
                pool_id=each.pool.key,
                effective_usd_per_gpu_hour=each.effective_usd_per_gpu_hour,
                p_deadline=each.p_deadline,
                reason=each.reason,
            )
            for each in seen.best
        ],
    )
