"""A profile is drawn from two run logs, and a job file can take it as it is."""

from __future__ import annotations

import tomllib

import pytest

from advisor.wire import OverheadsSection
from trainer.profile import TooShort, measured

AT = "2026-01-01T00:00:{:09.6f}Z"
BORN_AT = 1767225600.0  # 2026-01-01T00:00:00Z


def event(kind: str, at_s: float = 0.0, **fields) -> dict:
    return {"node": "0", "event": kind, "at": AT.format(at_s), **fields}


def saves(*seconds: float) -> list[dict]:
    told = [event("captured", seconds=each / 10) for each in seconds]
    return told + [event("committed", seconds=each, bytes=1000) for each in seconds]


FIRST = [*saves(9.0, 2.0, 4.0), event("step", seconds=0.5)]
# Up at 3 s, 1 s of which was the restore; ten steps, the first of them slower by 0.7 s, then five calm ones.
STEPS = [0.8] + [0.1] * 14
SECOND = [event("restored", seconds=1.0), *(event("step", 3.8, seconds=each) for each in STEPS)]


def test_medians_leave_the_first_save_and_the_first_steps_out():
    found = measured(FIRST, SECOND, born_at=BORN_AT)
    assert (found.saves, found.save_s, found.pause_s) == (2, 3.0, pytest.approx(0.3))
    assert found.bytes_per_second == pytest.approx(1000 / 3)
    assert found.step_s == 0.1
    assert found.step_while_saving_s == 0.5
    assert found.warmup_s == pytest.approx(0.7)
    assert found.boot_s == pytest.approx(2.0)  # First step began at 3.8 - 0.8 = 3 s, less 1 s of restore.


def test_the_lines_are_overheads_of_a_job_file():
    lines = tomllib.loads(measured(FIRST, SECOND, born_at=BORN_AT).to_toml())["overheads"]
    told = OverheadsSection(**lines)
    assert told.pause_s + told.save_lag_s == pytest.approx(3.0)
    assert told.origin.startswith("measured by lowtide profile")


@pytest.mark.parametrize(("first", "second"), [([FIRST[-1]], SECOND), (FIRST, SECOND[:5])])
def test_too_few_saves_or_steps_are_refused(first, second):
    with pytest.raises(TooShort, match="more than 10 are needed"):
        measured(first, second, born_at=BORN_AT)
