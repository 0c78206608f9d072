"""The embedded market: synthetic, told so, seeded, and calibrated on what is published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from collector.catalog import load_catalog
from collector.collect import collect_sample
from collector.sample import BEGIN, write_sample
from collector.sample_places import PLACES
from collector.sample_weather import availability
from collector.sources.base import UnreadableSource
from collector.sources.recorded import open_recorded
from collector.store import Store
from model.errors import ImpossibleInput
from model.market import PoolHistory

NOW = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def market(tmp_path_factory) -> Iterator[Store]:
    with Store.open(None, clock=lambda: NOW) as store:
        collect_sample(store, tmp_path_factory.mktemp("sample"), seed=7)
        yield store


@pytest.fixture(scope="module")
def histories(market) -> list[PoolHistory]:
    return market.pool_histories(as_of=market.span()[1], window=timedelta(days=30))


def written(folder: Path, seed: int) -> dict[str, bytes]:
    write_sample(folder, seed=seed, days=3)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_seed_makes_the_same_market_and_another_seed_another(tmp_path):
    first, again, other = (written(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert first == again
    assert all(first[name] != other[name] for name in first)


def test_a_negative_seed_is_refused(tmp_path):
    with pytest.raises(ImpossibleInput, match="Seed is -1"):
        write_sample(tmp_path, seed=-1)


def test_the_files_say_that_they_are_synthetic_and_what_they_rest_on(tmp_path):
    write_sample(tmp_path, seed=1, days=1)
    market = json.loads((tmp_path / "market.json").read_text())
    assert market["synthetic"] is True
    assert "synthetic" in market["statement"]
    assert all(figure["source"] and figure["as_of"] for figure in market["calibration"])
    assert {source.kind for source in open_recorded(tmp_path)} == {"synthetic"}


def test_everything_from_it_is_marked_synthetic(histories):
    assert histories
    assert all(history.synthetic for history in histories)
    assert all(history.price_kind == "synthetic" for history in histories)


def test_nothing_of_it_is_turned_away(market):
    assert market.verify() == []
    assert [q.quarantined for q in market.quality(NOW)] == [0, 0]


def test_pools_stand_in_four_clouds_and_several_regions(histories):
    spot = [h for h in histories if h.pool.capacity_type == "spot"]
    assert {h.pool.provider for h in spot} == {"aws", "gcp", "azure", "nebius"}
    assert len({(h.pool.provider, h.pool.region) for h in spot}) >= 10
    assert {h.sku.gpu_model for h in spot} == {"H100-80GB", "A100-80GB"}
    assert all(h.on_demand_usd_per_hour for h in spot)
    assert all(h.price_usd_per_hour <= h.on_demand_usd_per_hour for h in spot)


def test_runs_last_hours_and_capacity_is_there_more_often_than_not(histories):
    watched = [h for h in histories if h.probe_observed_hours > 100]
    assert len(watched) >= 20
    share = [h.probe_up_hours / h.probe_observed_hours for h in watched]
    between_drops_hours = [h.probe_up_hours / h.probe_drops for h in watched]
    assert 0.65 < np.median(share) < 0.92
    assert 3.0 < np.median(between_drops_hours) < 10.0


def test_some_pools_are_known_by_tenures_and_some_hardly_at_all(histories):
    spot = [h for h in histories if h.pool.capacity_type == "spot"]
    assert any(h.tenure_exposure_hours > 48 for h in spot)
    assert any(0 < h.probe_observed_hours < 48 for h in spot)
    assert any(h.probe_observed_hours == 0 for h in spot)


def test_the_probers_own_hole_is_found(market):
    quality = {q.source_id: q for q in market.quality(NOW)}
    assert quality["market/synthetic-seed-7"].gaps > 10


def test_zones_of_a_region_share_a_fate_and_regions_do_not():
    # Over ten seeds: correlation of one-hour availability, same region against another.
    ticks = pd.date_range(BEGIN, periods=60 * 24, freq="1h", unit="us")
    here, there = [], []
    one, two, far = (
        next(p for p in PLACES if p.pool.zone == zone) for zone in ("usw2-az1", "usw2-az2", "us-central1-a")
    )
    for seed in range(10):
        up = [availability(place, ticks, seed, load_catalog()) for place in (one, two, far)]
        here.append(np.corrcoef(up[0], up[1])[0, 1])
        there.append(np.corrcoef(up[0], up[2])[0, 1])
    assert np.mean(here) > 0.1
    assert abs(np.mean(there)) < 0.1


def test_capacity_is_scarcer_in_busy_hours():
    ticks = pd.date_range(BEGIN, periods=60 * 24, freq="1h", unit="us")
    place = next(p for p in PLACES if p.pool.zone == "usw2-az1")
    up = np.mean([availability(place, ticks, seed, load_catalog()) for seed in range(20)], axis=0)
    by_hour = pd.Series(up).groupby(ticks.hour).mean()
    assert by_hour[17:21].mean() < by_hour[5:9].mean()


def test_a_table_without_its_market_file_is_refused(tmp_path):
    write_sample(tmp_path, seed=1, days=1)
    (tmp_path / "market.json").unlink()
    with pytest.raises(UnreadableSource, match=r"no market\.json, so it may be generated or recorded"):
        open_recorded(tmp_path / "prices.csv")


@pytest.mark.parametrize("change", [{"version": 2}, {"synthetic": "no"}, {"skus": None}])
def test_a_market_file_of_another_version_is_refused(tmp_path, change):
    write_sample(tmp_path, seed=1, days=1)
    market = json.loads((tmp_path / "market.json").read_text())
    (tmp_path / "market.json").write_text(json.dumps({**market, **change}))
    with pytest.raises(UnreadableSource, match="is no lowtide-market version 1"):
        open_recorded(tmp_path / "prices.csv")


def test_a_probe_that_is_no_number_is_refused_by_its_line(tmp_path):
    write_sample(tmp_path, seed=1, days=1)
    lines = (tmp_path / "probes.csv").read_text().splitlines()
    lines[2] = lines[2].replace(",600", ",ten")
    (tmp_path / "probes.csv").write_text("\n".join(lines) + "\n")
    (source,) = open_recorded(tmp_path / "probes.csv")
    with pytest.raises(UnreadableSource, match=r"probes\.csv line 3 has holds_s = 'ten'"):
        list(source.batches())
