"""Several hundred faults in one run: ranks killed at named places, and every kind of file damaged.

After each of them every checkpoint that can be restored is whole, none that was reported as committed is
lost, and the run that goes on ends in the very weights of one that nothing happened to. The seed chooses
the combinations; `LOWTIDE_FAULTS` multiplies their number, for soaking.
"""

from __future__ import annotations

import os
import random
import shutil
from itertools import combinations, product
from pathlib import Path

import pytest

from trainer import crash
from trainer.checkpoint.crypt import Keyring
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.verify import list_checkpoints
from trainer.runlog import read_spool

SEED, TIMES = 7, int(os.environ.get("LOWTIDE_FAULTS", "1"))
KILLS = 76 * TIMES
STEPS = 6
NOT_IN_A_SAVE = ("restore", "lease", "transfer", "carry")
FACTORS = {
    "point": [point for point in crash.POINTS if not point.startswith(NOT_IN_A_SAVE)],
    "tier": ["F", "W"],
    "ranks": [1, 2, 4],
    "asynchronous": [False, True],
}
CADENCE = {
    "F": {"full_every_s": 1e-9},
    "W": {"full_every_s": 0.02, "light_every_s": 1e-9},
}
pytestmark = pytest.mark.timeout(600 * TIMES)


def pairwise(chance: random.Random, least: int) -> list[dict]:
    """Return combinations in which every pair of values of two factors occurs, and more until `least`."""
    names = list(FACTORS)
    wanted = {
        (one, a, other, b)
        for one, other in combinations(names, 2)
        for a, b in product(FACTORS[one], FACTORS[other])
    }
    chosen = []
    while wanted or len(chosen) < least:
        drawn = [{name: chance.choice(FACTORS[name]) for name in names} for _ in range(30)]
        best = max(drawn, key=lambda each: len(wanted & pairs_of(each)))
        wanted -= pairs_of(best)
        chosen.append(best)
    return chosen


def strikes(chance: random.Random) -> list[dict]:
    """Return every combination there is, and again, where it is soaked; else pairs of everything."""
    if TIMES == 1:
        return pairwise(chance, KILLS)
    every = [dict(zip(FACTORS, values, strict=True)) for values in product(*FACTORS.values())]
    return [each for _ in range(-(-KILLS // len(every))) for each in chance.sample(every, len(every))]


def pairs_of(each: dict) -> set:
    return {(one, each[one], other, each[other]) for one, other in combinations(FACTORS, 2)}


def test_every_pair_of_factors_is_among_the_strikes():
    chosen = pairwise(random.Random(SEED), KILLS)
    assert len(chosen) >= KILLS
    seen = set().union(*map(pairs_of, chosen))
    for one, other in combinations(FACTORS, 2):
        for a, b in product(FACTORS[one], FACTORS[other]):
            assert (one, a, other, b) in seen


@pytest.fixture(scope="module")
def calm(gang, tmp_path_factory):
    """The weights of a run that nothing happened to, by number of ranks."""

    def run(n):
        room = new_room(tmp_path_factory.mktemp(f"calm-{n}"))
        return gang.run("session", n, room=room, attempt=1, until=STEPS, total=STEPS)[0]["weights"]

    return {n: run(n) for n in FACTORS["ranks"]}


def new_room(room: Path) -> Path:
    (room / "key").write_text("00" * 31 + "07")
    return room


def rows(room: Path) -> list:
    return list_checkpoints(open_store(str(room / "checkpoints")), Keyring.read(f"file:{room}/key"))


def acknowledged(room: Path) -> int:
    """The newest step that the run log said was committed exactly."""
    spools = sorted((room / "spool").glob("*.jsonl"))
    told = [event for path in spools for event in read_spool(path) if event["event"] == "committed"]
    return max((event["step"] for event in told if event["exact"]), default=0)


def test_ranks_killed_at_named_places_lose_nothing(gang, calm, tmp_path, record_property):
    chance, reached, kills = random.Random(SEED), set(), 0
    for number, each in enumerate(strikes(chance)):
        room = tmp_path / str(number)
        room.mkdir()
        kills += strike_and_recover(gang, calm, new_room(room), each, chance, reached)
        shutil.rmtree(room)
    record_property("kills", kills)
    assert kills >= 60
    assert reached == set(FACTORS["point"])


def strike_and_recover(gang, calm, room, each, chance, reached) -> bool:
    ranks = each["ranks"]
    only_rank_0 = each["point"].startswith(("manifest", "retention"))
    words = {
        "room": room,
        "until": STEPS,
        "total": STEPS,
        "checkpoint": {**CADENCE[each["tier"]], "asynchronous": each["asynchronous"], "retention": 2},
    }
    at = f"{each['point']}:{chance.choice([1, 1, 2])}"
    rank = 0 if only_rank_0 else chance.randrange(ranks)
    killed = gang.strike("session", ranks, rank=rank, at=at, attempt=1, **words)
    if killed:
        reached.add(each["point"])
    before = rows(room)
    assert all(row.valid for row in before), (each, at, [row.reason for row in before])
    second = gang.run("session", ranks, attempt=2, **words)[0]
    exact = max((row.step for row in before if row.exact), default=0)
    assert second["began"] >= exact >= 0, (each, at)  # A writer may have outlived its trainer by a moment.
    assert second["began"] >= acknowledged_of_first(room), (each, at)
    assert second["weights"] == calm[ranks], (each, at)
    return killed


def acknowledged_of_first(room: Path) -> int:
    for path in (room / "spool").glob("attempt-2-*"):
        path.unlink()
    return acknowledged(room)


DAMAGES = (
    lambda raw, at: raw[:at],
    lambda raw, at: raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :],
    lambda raw, at: raw[at:] + raw[:at],
    lambda raw, at: raw[:at] + bytes(len(raw) - at),
    lambda raw, at: raw[:at] + bytes(min(4096, len(raw) - at)) + raw[at + 4096 :],
    lambda raw, at: b"",
)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("tier", ["F", "W"])
def test_files_of_every_kind_damaged_anywhere_are_noticed(gang, tmp_path, ranks, tier, record_property):
    """At least 110 damaged files in each of the four cases; 440 in all."""
    room = new_room(tmp_path)
    words = {"room": room, "until": STEPS, "total": STEPS, "attempt": 1}
    gang.run("session", ranks, checkpoint={**CADENCE[tier], "retention": 50}, **words)
    folder, chance, faults = room / "checkpoints", random.Random(SEED), 0
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and "/." not in str(path)]
    files = [path for path in files if path.name != "lease.json"]
    valid = {row.generation for row in rows(room)}
    while faults < 110 * TIMES:
        path, damage = chance.choice(files), chance.choice(DAMAGES)
        raw = path.read_bytes()
        spoilt = damage(raw, chance.randrange(len(raw)))
        if spoilt == raw:
            continue
        path.write_bytes(spoilt)
        found = rows(room)
        bad = [row for row in found if not row.valid]
        assert bad, (path, damage)
        assert all(row.reason for row in bad)
        assert {row.generation for row in found if row.valid} < valid
        path.write_bytes(raw)
        faults += 1
    record_property("damaged", faults)
    assert {row.generation for row in rows(room) if row.valid} == valid
