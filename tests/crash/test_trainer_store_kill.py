"""A writer, a sweep and a copy between folders are killed at every named place: what is visible is whole.

No torch here: each life is a child of this process that commits made-up bytes, sweeps, and copies what stays.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "property"))
from checkpoint_stage import KEYRING, commit, killed, payload_of, saver

from trainer import crash
from trainer.checkpoint.layout import generations
from trainer.checkpoint.lease import take
from trainer.checkpoint.retention import Retention, sweep
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.transfer import migrate
from trainer.checkpoint.verify import list_checkpoints

BASE = b"frozen " * 1000
ELSEWHERE = ("capture", "restore", "carry")  # Places of the trainer itself, and of one node of several.
POINTS = [point for point in crash.POINTS if not point.startswith(ELSEWHERE)]
SAVES = 4


def live(room: Path, attempt: int) -> None:
    """Be one attempt: take the lease, commit, sweep, copy."""
    here, there = open_store(str(room / "here"), direct=attempt % 2 == 0), open_store(str(room / "there"))
    take(here, attempt)
    writer = saver(here, epoch=attempt)
    if newest := max(generations(here), default=0):
        writer.adopt(newest)
    for step in range(SAVES):
        done = commit(writer, BASE + b"%d %d" % (attempt, step), step=step + 1)
        with open(room / "acknowledged", "a") as file:
            file.write(f"{done.manifest.generation} {attempt} {step}\n")
        sweep(here, Retention(newest=2), keyring=KEYRING, grace_s=0)
        migrate(here, there, keyring=KEYRING)


def acknowledged(room: Path) -> dict[int, bytes]:
    path = room / "acknowledged"
    rows = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    return {int(number): BASE + f"{attempt} {step}".encode() for number, attempt, step in rows}


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_what_is_visible_is_whole_and_what_was_acknowledged_stays(tmp_path, point, nth):
    assert killed(live, tmp_path, 1, f"{point}:{nth}") == -signal.SIGKILL
    for attempt in (1, 2):
        told = acknowledged(tmp_path)
        for place in ("here", "there"):
            store = open_store(str(tmp_path / place))
            rows = list_checkpoints(store, KEYRING)
            assert all(row.valid for row in rows)
            assert all(payload_of(store, n) == told[n] for n in generations(store) if n in told)
            if place == "here" and told:
                assert max(generations(store)) >= max(told)
        if attempt == 1:
            assert killed(live, tmp_path, 2, "") == 0
    assert len(generations(open_store(str(tmp_path / "here")))) == 2
    assert max(generations(open_store(str(tmp_path / "there")))) == max(acknowledged(tmp_path))
