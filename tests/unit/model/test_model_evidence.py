"""Whose word counts for a pool: its own, its siblings', a published band's, nobody's."""

from __future__ import annotations

import pytest

from model.market import CapacityType, Evidence
from model.published import by_place
from model.signals import Denominator, published_belief
from model.statistics import all_statistics

WATCHED = {"probe_drops": 20, "probe_up_hours": 200.0, "probe_observed_hours": 250.0}


def believed(histories, signals, borrow="region"):
    return all_statistics(histories, borrow=borrow, signals=by_place(signals))


def test_a_pool_nobody_watched_rests_on_its_published_band_and_says_so(history, signal):
    (found,), refused = believed([history()], [signal()])
    assert not refused
    assert found.evidence is Evidence.PUBLISHED
    belief = published_belief(signal())
    assert (found.hazard_shape, found.hazard_rate_hours) == (belief.shape, belief.rate_hours)
    assert found.borrowed_from == (
        "hazard from the published band 5-10% of running machines per 30 d averaged over 30 d "
        "(aws-spot-advisor-live, 3 d old); 80 % between 7.1e-05 and 0.11 per hour, as a machine counted "
        "in it may have run from 1 h to 30 d; gap assumed 2 h: no wait for capacity was recorded"
    )
    assert (found.preemptions, found.exposure_hours) == (0, 0.0)


def test_its_interval_is_wide_for_all_to_see(history, signal):
    # The bounds are its P10 and P90: .1053605 / .0000712407 = 1478.9.
    (found,), _ = believed([history()], [signal()])
    ratio = found.hazard_quantile_per_hour(0.9) / found.hazard_quantile_per_hour(0.1)
    assert ratio == pytest.approx(1478.9, rel=1e-3)


def test_a_quarter_of_googles_stopped_machines_says_why_it_is_so_wide(history, pool, stopped):
    google = history(pool=pool(provider="gcp"))
    (found,), _ = believed([google], [stopped()])
    assert "band 25 % of stopped machines per 1 d" in found.borrowed_from
    assert "no hazard without their mean life, assumed 1 to 720 h" in found.borrowed_from
    ratio = found.hazard_quantile_per_hour(0.9) / found.hazard_quantile_per_hour(0.1)
    assert ratio == pytest.approx(720, rel=1e-3)


def test_own_sightings_come_before_a_band(history, signal):
    (alone,), _ = believed([history(**WATCHED)], [])
    (beside,), _ = believed([history(**WATCHED)], [signal()])
    assert beside == alone
    assert beside.evidence is Evidence.PROBES


def test_siblings_come_before_a_band_and_the_answer_says_that_it_was_not_used(history, pool, signal):
    region = [history(pool=pool(zone="use1-az1"), **WATCHED), history(pool=pool(zone="use1-az9"))]
    found, _ = believed(region, [signal()])
    assert found[1].evidence is Evidence.BORROWED
    assert "1 sibling pool in region us-east-1" in found[1].borrowed_from
    assert "band 5-10% of running machines" in found[1].borrowed_from
    assert "was not used: siblings were counted" in found[1].borrowed_from
    assert found[1].published is None


def test_a_band_speaks_even_where_no_sibling_may(history, signal):
    (found,), _ = believed([history()], [signal()], borrow="none")
    assert found.evidence is Evidence.PUBLISHED


def test_what_little_a_pool_showed_itself_is_added(history, signal):
    # 20 h of silence and .33 preemptions in 9.1 h of the band.
    (found,), _ = believed([history(tenure_exposure_hours=20.0)], [signal()])
    band = published_belief(signal())
    assert found.hazard_per_hour == pytest.approx(band.shape / (band.rate_hours + 20))
    assert "and its own 0 in 20 h" in found.borrowed_from


def test_a_zones_own_share_comes_before_its_regions(history, signal):
    zone = signal(zone="use1-az4", label="<5%", rate_low=0.0, rate_high=0.05, age_s=20 * 86_400.0)
    elsewhere = signal(zone="use1-az1", label=">20%", rate_low=0.2, rate_high=None)
    (found,), _ = believed([history()], [signal(), zone, elsewhere])
    assert found.published.signal == zone


def test_of_two_bands_the_newer_speaks(history, signal):
    old = signal(source_id="advisor-archive", age_s=30 * 86_400.0)
    (found,), _ = believed([history()], [old, signal()])
    assert found.published.signal.source_id == "aws-spot-advisor-live"
    assert found.sources == ("aws-spot-advisor-live", "fake")


def test_a_band_of_another_place_or_machine_says_nothing(history, signal):
    others = [signal(region="eu-west-1"), signal(sku="g6.xlarge"), signal(provider="gcp")]
    found, refused = believed([history()], others)
    assert (found, refused[0].rule) == ([], "insufficient-history")


def test_a_band_of_last_year_is_refused_with_its_age(history, signal):
    found, refused = believed([history()], [signal(age_s=200 * 86_400.0)])
    assert not found
    assert "200 d old) is older than 90 days and says nothing of today" in refused[0].reason


def test_a_share_of_unknown_machines_is_refused_by_name(history, signal):
    found, refused = believed([history()], [signal(denominator=Denominator.UNKNOWN)])
    assert not found
    assert "a share of unknown machines is published (aws-spot-advisor-live)" in refused[0].reason


def test_a_band_is_of_spot_and_never_of_on_demand(history, pool, signal):
    (found,), _ = believed([history(pool=pool(capacity_type=CapacityType.ON_DEMAND))], [signal()])
    assert found.evidence is Evidence.CONTRACT


def test_a_generated_band_makes_the_answer_synthetic(history, signal):
    (found,), _ = believed([history(synthetic=False)], [signal(synthetic=True)])
    assert found.synthetic


def test_an_impossible_band_takes_down_its_own_pool_only(history, pool, signal):
    bad = signal(rate_high=2.0)
    fine = history(pool=pool(region="eu-west-1"), **WATCHED)
    found, refused = believed([history(), fine], [bad])
    assert [s.pool for s in found] == [fine.pool]
    assert refused[0].rule == "impossible-input"
