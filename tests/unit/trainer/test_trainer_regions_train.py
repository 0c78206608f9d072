"""Regions as real processes: they come to the loss of one training on everything, and go on without a lost
one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gang import Gang

MARGIN = 0.02  # Of the loss; stated in docs/regional.md.


@pytest.fixture(scope="module")
def gang():
    """Ranks without the wait for torch."""
    warm = Gang()
    yield warm
    warm.close()


def test_two_regions_come_to_the_loss_of_one_training_within_the_stated_margin(gang):
    # 400 steps, 20 meetings: a twentieth of the traffic of a gradient exchange per step.
    [together] = gang.run("together", 1, steps=400, regions=2)
    apart = gang.run("regional", 2, steps=400, every_steps=20)
    assert apart[0] == {"loss": apart[1]["loss"], "regions": ["0", "1"], "rounds": 20}
    assert apart[0]["loss"] <= together["loss"] * (1 + MARGIN)


def test_through_a_store_they_come_to_the_very_same(gang, tmp_path):
    by_group = gang.run("regional", 2, steps=60, every_steps=20)
    by_store = gang.run("regional", 2, steps=60, every_steps=20, folder=str(tmp_path))
    assert [answer["loss"] for answer in by_store] == [answer["loss"] for answer in by_group]
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert names == [f"outer/{n:09d}/{name}" for n in (1, 2, 3) for name in ("region_0", "region_1", "set")]


def test_the_others_go_on_without_a_lost_region(gang, tmp_path):
    # Three regions; the third is gone in the middle of round 2. The others wait for it once, for 6 s.
    answers = gang.run(
        "regional", 3, steps=80, every_steps=20, folder=str(tmp_path), lost_at=30, patience_s=6
    )
    assert answers[2] == {"lost": True}
    assert answers[0] == {"loss": answers[1]["loss"], "regions": ["region_0", "region_1"], "rounds": 4}


def test_of_several_ranks_in_a_region_one_meets_the_others_and_all_go_on_alike(gang, tmp_path):
    answers = gang.run("one_region_of_many_ranks", 2, folder=str(tmp_path))
    assert answers[0] == answers[1]
    assert (answers[0]["regions"], answers[0]["rounds"]) == (["here"], 3)
