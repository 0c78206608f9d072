"""Spot traces: polarity, places, and lives out of running counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from collector.sources.base import UnreadableSource
from collector.sources.lives import lives_of, sightings
from collector.sources.recorded import open_recorded

PLACE = "availability/1-node/aws-02-15-2023/us-west-2b_v100_1.json"


def trace(folder: Path, data, place=PLACE, gap=195, **more) -> Path:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"metadata": {"gap_seconds": gap}, "data": data, **more}))
    return path


def only(path: Path, **options):
    (source,) = open_recorded(path, **options)
    (batch,) = source.batches()
    return batch


def test_one_means_available(tmp_path):
    probes = only(trace(tmp_path, [1, 0, 1])).probes
    assert probes["obtainable"].tolist() == [1, 0, 1]
    assert probes["wanted"].tolist() == [1, 1, 1]


def test_an_inverted_copy_reads_the_same_under_its_own_polarity(tmp_path):
    plain = only(trace(tmp_path / "plain", [1, 0, 0, 1])).probes
    inverted = only(trace(tmp_path / "inverted", [0, 1, 1, 0]), available_means=0).probes
    assert inverted["obtainable"].tolist() == plain["obtainable"].tolist()


def test_counts_above_one_have_no_inverse(tmp_path):
    path = trace(tmp_path, [4, 0], place=PLACE.replace("1-node", "4-node"))
    with pytest.raises(UnreadableSource, match="counts up to 4, so polarity 0 is senseless"):
        only(path, available_means=0)


def test_the_folder_says_month_day_year_and_the_zone_stays_a_name(tmp_path):
    probes = only(trace(tmp_path, [1, 1])).probes
    assert probes["pool_id"].unique().tolist() == ["aws/us-west-2/name:us-west-2b/p3.2xlarge/spot"]
    assert probes["effective_at"].tolist() == [
        pd.Timestamp("2023-02-15T00:00:00Z"),
        pd.Timestamp("2023-02-15T00:03:15Z"),
    ]
    assert probes["holds_s"].tolist() == [195.0, 195.0]


@pytest.mark.parametrize(
    ("name", "pool"),
    [
        ("aws-10-26-2022/us-west-2a_k80_8", "aws/us-west-2/name:us-west-2a/p2.8xlarge/spot"),
        ("aws-10-26-2022/us-west-2a_v100_8", "aws/us-west-2/name:us-west-2a/p3.16xlarge/spot"),
        ("gcp-04-30-2023/us-central1-a_c3-88", "gcp/us-central1/us-central1-a/c3-88/spot"),
    ],
)
def test_machines_are_named_after_their_sku(tmp_path, name, pool):
    assert only(trace(tmp_path, [1], place=f"availability/1-node/{name}.json")).probes["pool_id"][0] == pool


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("somewhere/us-west-2b_v100_1.json", "does not say what, how many nodes, where and when"),
        ("availability/1-node/aws-02-15-2023/us-west-2b_h900_1.json", "names machine 'h900_1'"),
    ],
)
def test_a_trace_without_a_place_is_refused(tmp_path, place, words):
    with pytest.raises(UnreadableSource, match=words):
        open_recorded(trace(tmp_path, [1], place=place))


@pytest.mark.parametrize("data", [[1, -1], [0.5], [], [[1]], ["up"]])
def test_values_that_are_no_counts_are_refused(tmp_path, data):
    with pytest.raises(UnreadableSource, match=r"no spot trace|not all counts"):
        only(trace(tmp_path, data))


def test_a_truncated_trace_is_refused_by_its_character(tmp_path):
    path = trace(tmp_path, [1] * 100)
    path.write_text(path.read_text()[:200])
    with pytest.raises(UnreadableSource, match="stops being JSON at character 200 of 200"):
        only(path)


def test_prices_beside_the_counts_are_recorded_prices(tmp_path):
    place = "preemption/1-node/aws-04-19-2023/us-east-1b_intel_64.json"
    batch = only(trace(tmp_path, [1, 1], place=place, gap=34, prices=[1.3973, 1.4]))
    assert batch.prices["price_usd_per_hour"].tolist() == ["1.3973", "1.4"]
    assert batch.prices["kind"].unique().tolist() == ["recorded"]
    assert batch.probes is None


def test_fewer_prices_than_ticks_are_refused(tmp_path):
    place = "preemption/1-node/aws-04-19-2023/us-east-1b_intel_64.json"
    with pytest.raises(UnreadableSource, match="1 prices for 2 ticks"):
        only(trace(tmp_path, [1, 1], place=place, prices=[1.0]))


def test_a_rise_fills_the_lowest_free_slot_and_a_fall_empties_the_highest():
    # Counts 2 4 3 4 0: slots 1 and 2 run from tick 0, slot 3 from 1, slot 4 from 1 to 2 and again from 3.
    lives = [(x.ref, x.begin, x.end, x.began_before) for x in lives_of(np.array([2, 4, 3, 4, 0]))]
    assert lives == [
        ("slot-1", 0, 4, True),
        ("slot-2", 0, 4, True),
        ("slot-3", 1, 4, False),
        ("slot-4", 1, 2, False),
        ("slot-4", 3, 4, False),
    ]


def test_what_runs_at_the_last_tick_is_censored():
    (life,) = lives_of(np.array([0, 1, 1]))
    assert (life.begin, life.end, life.began_before) == (1, None, False)


def test_a_running_instance_is_sighted_about_hourly_and_its_end_only_when_it_ends():
    # Ticks of 30 minutes; alive from 0:00, gone at 3:00.
    ticks = pd.date_range(datetime(2026, 1, 1, tzinfo=UTC), periods=8, freq="30min")
    frame = sightings(lives_of(np.array([1, 1, 1, 1, 1, 1, 0, 0])), ticks, "p")
    seen = frame["observed_at"].dt.strftime("%H:%M").tolist()
    assert seen == ["00:00", "01:00", "02:00", "03:00"]
    assert frame["ended_at"].isna().tolist() == [True, True, True, False]
    assert frame["end_cause"].tolist()[-1] == "preempted"


def test_a_four_node_preemption_file_gives_tenures(tmp_path):
    place = "preemption/4-node/aws-08-03-2023/us-east-2a_v100_1.json"
    batch = only(trace(tmp_path, [4, 2, 4], place=place, gap=300))
    ended = batch.tenures[batch.tenures["ended_at"].notna()]
    assert ended["instance_ref"].tolist() == ["slot-3", "slot-4"]
    assert batch.tenures["pool_id"].unique().tolist() == ["aws/us-east-2/name:us-east-2a/p3.2xlarge/spot"]
