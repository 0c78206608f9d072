"""A node of several is killed at every named place between its disk and the shared store, and comes back.

No torch here: each life is a child that finishes what was left over, writes, carries and commits.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "property"))
from checkpoint_stage import KEYRING, killed, payload_of

from trainer import crash
from trainer.checkpoint.carrying import carry_part
from trainer.checkpoint.fence import Fence
from trainer.checkpoint.frame_index import FrameIndex
from trainer.checkpoint.layout import DRAFTS, generations
from trainer.checkpoint.lease import take
from trainer.checkpoint.leftover import Finishing, finish_leftover
from trainer.checkpoint.manifest import Parent
from trainer.checkpoint.node_saver import NodeSaver
from trainer.checkpoint.ranks import Alone
from trainer.checkpoint.saves import Save
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.verify import list_checkpoints

NOT_HERE = ("capture", "restore", "retention", "transfer.before_root")
POINTS = [point for point in crash.POINTS if not point.startswith(NOT_HERE)]
SAVES = 4


def payload(attempt: int, step: int) -> bytes:
    return b"frozen " * 1000 + b"%d %d" % (attempt, step)


def live(room: Path, attempt: int) -> None:
    """Be one attempt."""
    near, shared = open_store(str(room / "near")), open_store(str(room / "shared"))
    take(shared, attempt, f"life{attempt}")
    fence = Fence(shared, attempt, f"life{attempt}")
    finish_leftover(
        Finishing(
            near=near,
            shared=shared,
            ranks=Alone(),
            run_id="run-1",
            fence=fence,
            epoch=attempt,
            keyring=KEYRING,
            allow_inexact=False,
        )
    )
    who = {"run_id": "run-1", "epoch": attempt, "life": f"life{attempt}", "keyring": KEYRING}
    saver, index = NodeSaver(near, shared, retention=2, **who), FrameIndex()
    first = 1
    if newest := max(generations(shared), default=0):
        first = saver.adopt(newest).manifest.step + 1
        index.learn_frames("newest", saver.frames_there())
    for step in range(first, first + SAVES):
        one_save(room, saver, index, attempt, step)


def one_save(room: Path, saver: NodeSaver, index: FrameIndex, attempt: int, step: int) -> None:
    """Write, carry and commit one."""
    state, header = payload(attempt, step), b'{"step":%d}' % step
    save = Save(
        save_id=f"{attempt:06d}-{step:09d}-F-life{attempt}-0001",
        step=step,
        tier="F",
        exact=True,
        config_digest="c" * 64,
        payload_bytes=len(state),
        header_bytes=len(header),
    )
    entries = [saver.write(save, memoryview(state + header))]
    saver.draft(save.save_id, entries)
    with open(room / "local", "a") as file:
        file.write(f"{step}\n")
    how = {"run_id": "run-1", "secret": saver.secret}
    _, moved = carry_part(saver.near, saver.store, entries[0], index, **how)
    done = saver.commit(save.save_id)
    number = done.manifest.generation
    with open(room / "acknowledged", "a") as file:
        file.write(f"{number} {attempt} {step}\n")
    index.learn_frames("newest", [])
    index.learn("newest", moved)
    saver.committed_elsewhere(save.save_id, Parent(generation=number, sha256=done.sha256))


def lines(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def whole(room: Path) -> list[int]:
    """Return the steps there are, the newest first; all is whole, and what was acknowledged is there."""
    store = open_store(str(room / "shared"))
    rows = list_checkpoints(store, KEYRING)
    assert [row.reason for row in rows if not row.valid] == []
    told = {int(number): payload(int(a), int(s)) for number, a, s in lines(room / "acknowledged")}
    assert set(told) <= set(generations(store))
    assert all(payload_of(store, number) == expected for number, expected in told.items())
    assert not (room / "near" / "manifests").exists()
    return [row.step for row in rows]


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_nothing_partial_exists_and_what_was_local_is_finished(tmp_path, point, nth):
    if point.startswith("lease") and nth == 2:
        assert killed(live, tmp_path, 1, f"{point}:{nth}") == 0  # A life takes it once.
    else:
        assert killed(live, tmp_path, 1, f"{point}:{nth}") == -signal.SIGKILL
    whole(tmp_path)
    local = max((int(step) for [step] in lines(tmp_path / "local")), default=0)
    assert killed(live, tmp_path, 2, "") == 0
    steps = whole(tmp_path)
    assert local in [*steps, 0]
    assert steps == sorted(steps, reverse=True)  # None was made again, none was passed over.
    near = open_store(str(tmp_path / "near"))
    assert len(list(near.list(DRAFTS))) <= 3
