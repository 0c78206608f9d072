"""The stretch of history a demo replays is drawn by a stated rule, and rehearsed by hand here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from advisor.replay import PoolRecord, Sighting
from advisor.windows import Rehearsal, Toll, candidates, choose, rehearse

MIDNIGHT = datetime(2023, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B = (f"aws/us-east-1/name:us-east-1{zone}/p3.2xlarge/spot" for zone in "ab")
ON_DEMAND = "aws/us-east-1/-/p3.2xlarge/on_demand"
TOLL = Toll(useful=4 * HOUR, restart=timedelta(minutes=30), interval=HOUR)


def hourly(text: str, from_at: datetime = MIDNIGHT) -> PoolRecord:
    """One probe an hour: `+` available, `-` not."""
    return PoolRecord([
        Sighting(at=from_at + index * HOUR, until=from_at + (index + 1) * HOUR, available=sign == "+")
        for index, sign in enumerate(text)
    ])  # fmt: skip


def test_a_rehearsal_by_hand():
    # a from 0 h: drop at 2 h; boot until 0.5, worked 1.5, half an interval (0.5) lost: 3 h left. One hit.
    # b from 2 h: drop at 3 h; boot until 2.5, worked 0.5, all of it lost: 3 h left. Two hits.
    # a from 3 h, to the end: boot until 3.5, done at 6.5 h.
    records = {A: hourly("++-++++++"), B: hourly("+++------")}
    found = rehearse(MIDNIGHT, [A, B], records.get, TOLL)
    assert found == Rehearsal(start_at=MIDNIGHT, hits=2, took=6.5 * HOUR)


def test_a_life_shorter_than_the_restart_is_no_interruption_of_work():
    slow = Toll(useful=HOUR, restart=2 * HOUR, interval=HOUR)
    assert rehearse(MIDNIGHT, [A], {A: hourly("+-+-+++++")}.get, slow).hits == 0


def test_pools_that_were_never_recorded_are_passed_over_and_absence_is_waited_for():
    # Available from 2 h: boot until 2.5, done at 6.5 h.
    found = rehearse(MIDNIGHT, [B, A], {A: hourly("--+++++++"), B: PoolRecord([])}.get, TOLL)
    assert (found.hits, found.took) == (0, 6.5 * HOUR)


def test_pools_that_rank_below_on_demand_are_not_taken():
    # b is dearer than on-demand, so the loss of a is waited out: 2 h left of 3 at hour 3, boot, done at 6.5.
    records = {A: hourly("++-++++++"), B: hourly("+++------")}
    found = rehearse(MIDNIGHT, [A, ON_DEMAND, B], records.get, TOLL)
    assert (found.hits, found.took) == (1, 6.5 * HOUR)


def test_where_on_demand_ranks_first_nothing_is_interrupted():
    assert rehearse(MIDNIGHT, [ON_DEMAND, A], {A: hourly("+-+-+-+-+")}.get, TOLL).hits == 0


def test_starts_have_half_the_record_before_them_and_the_horizon_after():
    # 48 h: half is 24 h; the last start leaves 12 h, at 36 h. Every 2 h.
    found = candidates([hourly("+" * 48)] * 3, 12 * HOUR)
    assert found == [MIDNIGHT + hours * HOUR for hours in (24, 26, 28, 30, 32, 34, 36)]


def test_a_start_needs_three_recorded_pools_for_a_loss_to_lead_somewhere():
    assert candidates([hourly("+" * 48)] * 2, HOUR) == []


def test_no_more_than_a_week_of_history_are_asked_for():
    assert candidates([hourly("+" * 24 * 30)] * 3, HOUR)[0] == MIDNIGHT + timedelta(days=7)


def hits(*numbers: int) -> dict[datetime, Rehearsal]:
    starts = [MIDNIGHT + index * HOUR for index in range(len(numbers))]
    pairs = zip(starts, numbers, strict=True)
    return {at: Rehearsal(start_at=at, hits=number, took=5 * HOUR) for at, number in pairs}


def test_the_start_is_drawn_from_the_stormy_windows_and_their_share_is_said():
    found = hits(1, 6, 2, 7)
    drawn = {
        choose(list(found), found.get, hits_wanted=5, longest=9 * HOUR, seed=seed).start_at
        for seed in range(20)
    }
    assert drawn == {MIDNIGHT + HOUR, MIDNIGHT + 3 * HOUR}
    window = choose(list(found), found.get, hits_wanted=5, longest=9 * HOUR, seed=1)
    assert (window.stormy, window.considered) == (2, 4)
    assert "Of 4 starts, every 2 h" in window.sentence()
    assert "2 are interrupted at work at least 5 times" in window.sentence()


def test_of_the_stormy_windows_the_calmest_are_drawn_from():
    found = hits(7, 20, 9, 10)  # Nine is two more than seven; ten is not calm any more.
    drawn = {
        choose(list(found), found.get, hits_wanted=5, longest=9 * HOUR, seed=seed).rehearsal.hits
        for seed in range(20)
    }
    assert drawn == {7, 9}


def test_without_a_stormy_window_the_stormiest_is_taken_and_said():
    found = hits(1, 3, 2)
    window = choose(list(found), found.get, hits_wanted=5, longest=9 * HOUR, seed=1)
    assert window.start_at == MIDNIGHT + HOUR
    assert "None is rehearsed with 5 interruptions at work; this one has 3" in window.sentence()


def test_a_window_that_takes_too_long_is_not_drawn():
    found = hits(9, 5)
    long = {**found, MIDNIGHT: Rehearsal(start_at=MIDNIGHT, hits=9, took=99 * HOUR)}
    drawn = {
        choose(list(long), long.get, hits_wanted=5, longest=9 * HOUR, seed=seed).start_at for seed in range(9)
    }
    assert drawn == {MIDNIGHT + HOUR}


def test_no_start_no_window():
    assert choose([], lambda _: None, hits_wanted=5, longest=HOUR, seed=1) is None
