"""Several ranks save one checkpoint, hear one notice, and go on as any other number of ranks."""

from __future__ import annotations

import importlib.util
import shutil
from itertools import product
from pathlib import Path

import pytest

from trainer.checkpoint.crypt import Keyring
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.verify import list_checkpoints

SPEC = importlib.util.spec_from_file_location("trainer_gang", Path(__file__).with_name("gang.py"))
WORLDS = (1, 2, 3, 4)


@pytest.fixture(scope="module")
def gang():
    module = importlib.util.module_from_spec(SPEC)
    SPEC.loader.exec_module(module)
    made = module.Gang()
    yield made
    made.close()


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """Give a folder with a key in it."""

    def make(name):
        room = tmp_path_factory.mktemp(name)
        (room / "key").write_text("00" * 31 + "01")
        return room

    return make


@pytest.fixture(scope="module")
def whole_run(gang, rooms):
    """An uninterrupted run on each number of ranks."""
    return {n: gang.run("session", n, room=rooms(f"whole-{n}"), attempt=1, until=8)[0] for n in WORLDS}


@pytest.fixture(scope="module")
def first_half(gang, rooms):
    """Rooms in which so many ranks have stopped at step 4."""

    def make(n):
        room = rooms(f"half-{n}")
        answers = gang.run("session", n, room=room, attempt=1, until=8, told_rank=n - 1, told_at=4)
        return room, answers

    return {n: make(n) for n in WORLDS}


def rows(room):
    return list_checkpoints(open_store(str(room / "checkpoints")), Keyring.read(f"file:{room}/key"))


@pytest.mark.parametrize("n", WORLDS)
def test_what_one_rank_hears_all_obey_and_one_checkpoint_is_of_all(first_half, n):
    room, answers = first_half[n]
    assert {answer["left"] for answer in answers} == {75}
    assert all("notice" in answer["events"] for answer in answers)
    [row] = rows(room)
    assert row.valid
    assert row.step in (4, 5)  # Rank 0 hears of it at this step or at the next.
    assert sum(answer["events"].count("committed") for answer in answers) == 1


@pytest.mark.parametrize(("before", "after"), list(product(WORLDS, WORLDS)))
def test_any_number_of_ranks_goes_on_where_any_other_stopped(
    gang, first_half, whole_run, tmp_path, before, after
):
    room, answers = first_half[before]
    copied = tmp_path / "room"
    shutil.copytree(room, copied)
    second = gang.run("session", after, room=copied, attempt=2, until=8)[0]
    assert second["began"] == len(answers[0]["losses"])
    losses = {**answers[0]["losses"], **second["losses"]}
    expected = whole_run[before]["losses"]
    assert sorted(losses, key=int) == sorted(expected, key=int)
    assert second["next"] == whole_run[before]["next"]  # No sample was lost or repeated.
    for step, loss in losses.items():
        assert loss == pytest.approx(expected[step], rel=1e-4)
    if before == after:
        assert second["weights"] == whole_run[before]["weights"]
        assert losses == expected


@pytest.mark.parametrize(("before", "after"), [(2, 3), (3, 1), (1, 2), (4, 2), (2, 2)])
def test_slices_of_fsdp_are_put_together_anew(gang, rooms, before, after):
    room, calm = rooms("slices"), rooms("calm")
    expected = gang.run("session", before, room=calm, attempt=1, until=8, parallel="fsdp")[0]
    first = gang.run(
        "session", before, room=room, attempt=1, until=8, told_rank=0, told_at=4, parallel="fsdp"
    )[0]
    layout = "fsdp" if after > 1 else "auto"
    second = gang.run("session", after, room=room, attempt=2, until=8, parallel=layout)[0]
    assert second["began"] == 4
    losses = {**first["losses"], **second["losses"]}
    for step, loss in losses.items():
        assert loss == pytest.approx(expected["losses"][step], rel=1e-4)
    if before == after:
        assert second["weights"] == expected["weights"]


def test_saves_beside_the_training_are_of_all_ranks_too(gang, rooms):
    room = rooms("beside")
    often = {"asynchronous": True, "full_every_s": 1e-9, "retention": 50}
    answers = gang.run("session", 2, room=room, attempt=1, until=12, checkpoint=often)
    found = rows(room)
    assert found[0].step == 12
    assert all(row.valid for row in found)
    assert answers[0]["weights"] == answers[1]["weights"]
    calm = gang.run("session", 2, room=rooms("calm-2"), attempt=1, until=12)[0]
    assert calm["weights"] == answers[0]["weights"]  # Saving changes nothing.


def test_a_hint_that_only_another_rank_hears_makes_all_save_and_go_on(gang, rooms):
    room = rooms("hinted")
    answers = gang.run("session", 2, room=room, attempt=1, until=8, hinted_rank=1)
    assert {answer["left"] for answer in answers} == {None}
    first, last = answers[0]["committed"]
    assert first in (3, 4)  # Rank 0 hears of it at this step or at the next.
    assert last == 8


def test_with_little_notice_all_ranks_save_the_same_rung(gang, rooms):
    room = rooms("hurry")
    inexact = {"allow_inexact": True, "full_every_s": 1e9}
    answers = gang.run(
        "session", 2, room=room, attempt=1, until=8, told_rank=1, told_at=4, checkpoint=inexact, slow_rank=1
    )
    assert {answer["left"] for answer in answers} == {75}
    [row] = rows(room)
    assert (row.tier, row.exact, row.valid) == ("E", False, True)  # Rank 0 alone would have saved all.


def test_light_saves_of_several_ranks_come_back(gang, rooms):
    room = rooms("light")
    light = {"light_every_s": 1e-9, "full_every_s": 1e9, "allow_inexact": True, "retention": 50}
    gang.run("session", 2, room=room, attempt=1, until=6, told_rank=1, told_at=3, checkpoint=light)
    assert {row.tier for row in rows(room)} == {"W", "F"}
    assert all(row.valid for row in rows(room))
