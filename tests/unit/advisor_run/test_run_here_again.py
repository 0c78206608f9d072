"""A folder in which nothing was begun takes a job; one whose plan could not be kept is gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.room import Room
from advisor.run_here import refuse_used, resume_job
from model.errors import ImpossibleInput


def test_a_resume_in_vain_leaves_the_folder_usable(tmp_path: Path) -> None:
    with pytest.raises(ImpossibleInput, match="without --resume"):
        resume_job(None, out=tmp_path, steps=1)
    refuse_used(tmp_path)


def test_a_folder_whose_run_was_refused_takes_another(tmp_path: Path) -> None:
    Room(tmp_path)  # As the launcher makes it before the service refuses to open a run.
    refuse_used(tmp_path)
    (tmp_path / "spool" / "attempt-1-node-launcher.jsonl").touch()
    with pytest.raises(ImpossibleInput, match="earlier run"):
        refuse_used(tmp_path)
