"""Markets of pools in which instances ran: lives by hand, and laws whose answer is known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from model.cost import SideCosts, estimate
from model.errors import ImpossibleInput, InsufficientHistory
from model.estimate import PoolStatistics
from model.job import Job
from model.lives import LifeLaw
from model.lognormal import Components
from model.market import EndCause, Evidence, Tenure
from model.markets import past_of
from model.observed import Lives
from model.placement import gang_hazard
from model.simulated import simulated_estimate
from model.tenure_lives import exponential_law, hastened, tenure_lives
from model.tenured import Ran, ran_of, tenure_market
from model.watched import Place, watch

from .conftest import AS_OF, a_pool

HERE = Place(family="aws/H100", region="r", zone="r/a", pool="p")
THERE = Place(family="aws/H100", region="r", zone="r/b", pool="q")
NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)
FROM = AS_OF - timedelta(days=10)
PATHS = 20_000


def tenure(began: float, ended: float | None, *, seen: float = 240.0, **other: Any) -> Tenure:
    """Hours from FROM; as of is hour 240."""
    plain: dict[str, Any] = {
        "pool": a_pool(),
        "instance_ref": f"i-{began}",
        "began_at": FROM + timedelta(hours=began),
        "ended_at": None if ended is None else FROM + timedelta(hours=ended),
        "end_cause": None if ended is None else EndCause.PREEMPTED,
        "observed_at": FROM + timedelta(hours=seen),
    }
    return Tenure(**plain | other)


def exponential_lives(mean_hours: float, count: int, seed: int = 1) -> Lives:
    """One instance after the other, each taken back after an exponential life."""
    hours = np.random.default_rng(seed).exponential(mean_hours, count)
    return Lives(
        pool_N=np.zeros(count, dtype=np.int64),
        after_hours_N=hours * 0.995,
        until_hours_N=hours * 1.005,
        began_hour_N=np.cumsum(hours) - hours,
        recent_NL=np.zeros((count, 0)),
    )


@pytest.fixture(scope="module")
def ran() -> Ran:
    return ran_of([HERE, THERE], exponential_lives(20.0, 800))


@pytest.fixture
def twenty_hours(statistics) -> PoolStatistics:
    """What a count of the same 800 lives says: 800 in 16,000 h."""
    return statistics(
        evidence=Evidence.TENURES,
        preemptions=800,
        exposure_hours=16_000.0,
        hazard_shape=800.0,
        hazard_rate_hours=16_000.0,
        gap_hours=1.0,
        available_now=True,
    )


def market(ran: Ran, seen: PoolStatistics, job: Job, past=None, *, place=HERE, paths=PATHS, absent=0.0):
    often = float(gang_hazard(job, seen, 1.0))
    return tenure_market(
        ran, past, place, seen, times_as_often=often, absent_share=absent, paths=paths, seed=1
    )


def test_only_what_was_taken_back_ended():
    # Lives of 40 h: taken back, stopped, still running when last seen; a minute or a hundredth is no matter.
    found = tenure_lives(
        [
            [tenure(10, 50), tenure(20, 60, end_cause=EndCause.STOPPED)],
            [tenure(30, None, seen=70.0), tenure(100, 100)],
        ],
        from_at=FROM,
        as_of=AS_OF,
    )
    assert found.pool_N.tolist() == [0, 0, 1, 1]
    assert found.after_hours_N == pytest.approx([39.8, 40.0, 40.0, 0.0])
    assert found.until_hours_N == pytest.approx([40.2, np.inf, np.inf, 1 / 120])
    assert found.began_hour_N == pytest.approx([10.0, 20.0, 30.0, 100.0])
    assert found.endings == 2


def test_lives_whose_beginning_nobody_saw_are_left_out():
    older, running = tenure(-5, 30), tenure(2, 30, began_before=True)
    assert tenure_lives([[older, running]], from_at=FROM, as_of=AS_OF).count == 0


def test_nothing_observed_later_is_known():
    early = AS_OF - timedelta(hours=200)  # Hour 40.
    later, cut = tenure(10, 50), tenure(10, 50, seen=39.0)
    found = tenure_lives([[later, cut]], from_at=FROM, as_of=early)
    assert (found.after_hours_N.tolist(), found.until_hours_N.tolist()) == ([30.0], [np.inf])
    with pytest.raises(ImpossibleInput, match="not before"):
        tenure_lives([], from_at=AS_OF, as_of=AS_OF)


def test_the_exponential_law_survives_as_an_exponential_does():
    ages = np.array([0.03, 0.3, 1.5, 3.0, 9.0, 15.0])
    assert exponential_law(3.0).survival(ages)[0] == pytest.approx(np.exp(-ages / 3.0), abs=5e-4)


def test_what_is_not_known_of_a_mean_widens_it_and_moves_it_not():
    # Of lognormal parts: sum of share exp(location + variance / 2) = 3 h within .2 %.
    part = exponential_law(3.0, 0.5).components
    variance = part.scale_NC**2 + part.unsure_NC**2
    assert (part.share_NC * np.exp(part.location_NC + variance / 2)).sum() == pytest.approx(3.0, rel=2e-3)
    assert exponential_law(3.0, 0.5).quantile(0.95) > exponential_law(3.0).quantile(0.95)


def test_a_gang_that_stops_twice_as_often_lives_half_as_long():
    one = LifeLaw(Components(*(np.full((1, 1), x) for x in (1.0, np.log(8.0), 0.7, 0.3))), 0.5)
    for share in (0.1, 0.5, 0.9):
        assert hastened(one, 2.0).quantile(share) == pytest.approx(one.quantile(share) / 2, rel=1e-9)
    with pytest.raises(ImpossibleInput):
        hastened(one, 0.0)


def test_of_exponential_lives_the_closed_form_was_right(ran, twenty_hours, job, as_of):
    # Lives of 20 h, gaps of 1 h, known from 800: F4's mean must come out, by lives and gaps that were drawn.
    work = job(gpus=32, useful_hours=40.0, gang_share=0.5)  # Four nodes: 4 * .5 + .5 = 2.5 times as often.
    closed = estimate(work, twenty_hours, NOTHING, draws=4000, seed=1, from_at=as_of)
    chosen = market(ran, twenty_hours, work)
    found = simulated_estimate(work, twenty_hours, NOTHING, chosen.market, seed=1, from_at=as_of)
    assert found.finish_hours.mean == pytest.approx(closed.finish_hours.mean, rel=0.04)
    assert found.preemptions.mean == pytest.approx(closed.preemptions.mean, rel=0.15)
    assert found.parts.total() == pytest.approx(found.effective_usd_per_gpu_hour.mean, abs=1e-9)


def test_the_market_says_what_it_is_made_of(ran, twenty_hours, job):
    # Eight nodes, half of the losses the gang's: 8 * .5 + .5 = 4.5.
    why = market(ran, twenty_hours, job(gpus=64, gang_share=0.5)).why
    assert "800 instances that ran in 1 pools of its kind, 800 of them taken back" in why
    assert "4.5 times as often" in why
    assert why.endswith("gaps exponential, 1 h on average.")
    assert "times as often" not in market(ran, twenty_hours, job(gpus=8)).why


def test_where_nobody_probed_the_first_machine_may_have_to_be_waited_for(ran, twenty_hours, job):
    # Absent on a quarter of the paths, then for an hour on average (the mean is sure within 7 %).
    one = market(ran, twenty_hours, job(gpus=8), absent=0.25).market
    begin, _ = one.spell(np.arange(PATHS), np.zeros(PATHS))
    assert (begin > 0).mean() == pytest.approx(0.25, abs=0.012)
    assert begin[begin > 0].mean() == pytest.approx(1.0, abs=0.06)


def flapping(place: Place, up_last: bool):
    """Two hours there, one away, for ten days; probed every quarter of an hour."""
    day = np.tile(np.repeat([1.0, 0.0], [8, 4]), 80)
    return watch(place, day[:-4] if up_last else day, 0.25)


@pytest.mark.parametrize(("up_last", "waits"), [(True, False), (False, True)])
def test_where_probes_watched_gaps_are_theirs_and_so_is_the_state(ran, twenty_hours, job, up_last, waits):
    past = past_of([flapping(HERE, up_last)])
    chosen = market(ran, twenty_hours, job(gpus=8), past, absent=0.5)
    begin, lost = chosen.market.spell(np.arange(PATHS), np.zeros(PATHS))
    assert (begin > 0).all() == waits
    assert (begin == 0).all() != waits
    assert "that probes watched" in chosen.why
    again, _ = chosen.market.spell(np.arange(PATHS), lost)
    # Gaps of about an hour, not the exponential ones that are believed where nobody looks; one that
    # has lasted its hour by now says that those of its week may be longer.
    assert 0.6 < np.median(again - lost) < (2.0 if waits else 1.4)
    assert np.median(lost - begin) > 8.0  # Lives of instances, not the two hours that probes saw.


def test_too_few_endings_are_refused():
    with pytest.raises(InsufficientHistory, match="9 instances were seen"):
        ran_of([HERE], exponential_lives(20.0, 9))


def test_a_pool_nobody_named_has_no_market(ran, twenty_hours, job):
    elsewhere = Place(family="aws/H100", region="x", zone="x", pool="x")
    with pytest.raises(ImpossibleInput, match="not among the places"):
        market(ran, twenty_hours, job(gpus=8), place=elsewhere)
    with pytest.raises(ImpossibleInput, match="0 paths"):
        market(ran, twenty_hours, job(gpus=8), paths=0)
