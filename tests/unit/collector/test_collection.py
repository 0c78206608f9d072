"""The record of collecting: every pass leaves one, and a time without any is told as a gap."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pandas as pd
import pytest

from collector.activity import Activity
from collector.feed_config import AwsFeed, CloudFeed, FeedsConfig, SheetsFeed
from collector.feed_world import Kept, World
from collector.feeds import FAMILIES, Job, jobs
from collector.passes import read_job, read_source
from collector.sources.base import Batch, SourceSkipped, SourceUnavailable, UnreadableSource
from collector.store import Store
from model.errors import ImpossibleInput

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
SPOT = "aws/us-east-1/use1-az1/p5.48xlarge/spot"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at

    def on(self, minutes: float) -> datetime:
        self.at += timedelta(minutes=minutes)
        return self.at


class Scripted:
    """A source that gives a batch, then trouble if any was set."""

    kind, licence, note, origin = "recorded", "none", "made up for a test", "memory"

    def __init__(self, clock: Clock, trouble: Exception | None = None, *, batches: int = 1) -> None:
        self.source_id = "scripted"
        self._clock, self._trouble, self._batches = clock, trouble, batches

    def batches(self) -> Iterator[Batch]:
        """As scripted."""
        for number in range(self._batches):
            at = pd.Timestamp(self._clock()) - pd.Timedelta(hours=1) + pd.Timedelta(minutes=number)
            row = {"pool_id": SPOT, "kind": "recorded", "effective_at": at, "observed_at": at}
            yield Batch(prices=pd.DataFrame([{**row, "price_usd_per_hour": f"{20 + number}"}]))
        if self._trouble:
            raise self._trouble


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock) -> Iterator[Store]:
    with Store.open(None, clock=clock) as opened:
        yield opened


def job(cadence_s: float = 600.0, *, family: str = "lambda") -> Job:
    found = next(each for each in FAMILIES if each.name == family)
    return Job(family=found, feed=CloudFeed(base_url="http://127.0.0.1:9"), cadence_s=cadence_s)


def world(clock: Clock, store: Store, **environ: str) -> World:
    return World(
        environ=environ, now=clock, since=store.watermark, watched=lambda: frozenset(),
        asked=store.asked_scores, kept=Kept(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (None, "ok"),
        (SourceSkipped("No key.", fix="Set it."), "skipped"),
        (SourceUnavailable("Busy.", fix="Later."), "unavailable"),
        (UnreadableSource("Half a page.", fix="Look."), "unreadable"),
        (ImpossibleInput("No.", fix="Yes."), "refused"),
        (KeyError("a secret"), "failed"),
    ],
)
def test_every_pass_leaves_a_record_of_how_it_ended(store, clock, trouble, outcome):
    read_source(store, Scripted(clock, trouble), job(), activity=Activity())
    (state,) = store.source_states(clock())
    assert state.outcome == outcome
    assert state.rows_new == 1  # What came before the trouble is kept.
    assert (state.last_ok_at is None) == (outcome != "ok")
    assert "secret" not in (state.trouble or "")


def test_a_source_that_was_skipped_before_it_gave_anything_is_on_record_too(store, clock):
    skipped = SourceSkipped("The credential X is not set.", fix="Set X.")
    report = read_source(store, Scripted(clock, skipped, batches=0), job(), activity=Activity())
    assert (report.outcome, report.rows_in, report.run_id) == ("skipped", 0, 0)
    (state,) = store.source_states(clock())
    assert (state.trouble, state.passes, state.age_s) == ("The credential X is not set.", 1, None)
    assert state.stale


def test_the_last_error_stays_visible_after_a_pass_that_went_well(store, clock):
    read_source(store, Scripted(clock, SourceUnavailable("Busy.", fix="Later.")), job(), activity=Activity())
    clock.on(10)
    read_source(store, Scripted(clock), job(), activity=Activity())
    (state,) = store.source_states(clock())
    assert (state.outcome, state.trouble, state.error) == ("ok", None, "Busy.")


def test_a_pass_whose_process_was_killed_has_no_outcome(store, clock):
    store.begin_pass(
        "pass-1", source_id="scripted", job_id="lambda", feed="lambda", cadence_s=600, stale_after_s=3600,
        history_s=0, started_at=clock(),
    )  # fmt: skip
    (state,) = store.source_states(clock())
    assert (state.outcome, state.finished_at) == (None, None)


def test_writing_a_pass_down_twice_writes_it_once(store, clock):
    for outcome in ("ok", "failed"):
        store.begin_pass(
            "pass-1", source_id="s", job_id="j", feed="f", cadence_s=1, stale_after_s=1, history_s=0,
            started_at=clock(),
        )  # fmt: skip
        store.end_pass(
            "pass-1", source_id="s", cadence_s=1, history_s=0, started_at=clock(), outcome=outcome,
            trouble=None, finished_at=clock(), ingest_run_id=None, rows_in=0, rows_new=0, rows_duplicate=0,
            rows_quarantined=0,
        )  # fmt: skip
    (state,) = store.source_states(clock())
    assert (state.passes, state.outcome) == (1, "ok")


def test_a_source_that_was_silent_for_more_than_three_cadences_has_a_gap(store, clock):
    read_source(store, Scripted(clock), job(), activity=Activity())
    clock.on(30)  # Three cadences of ten minutes: no gap yet.
    assert store.source_gaps(clock()) == []
    clock.on(15)
    read_source(store, Scripted(clock), job(), activity=Activity())
    (gap,) = store.source_gaps(clock.on(5))
    assert (gap.from_at, gap.until_at) == (NOON, NOON + timedelta(minutes=45))
    # Lambda tells the present only, so all 45 minutes are lost: 2700 s.
    assert (gap.lost_until, gap.lost_s) == (gap.until_at, 2700.0)


def test_a_pass_that_gave_nothing_does_not_close_a_gap(store, clock):
    read_source(store, Scripted(clock), job(), activity=Activity())
    clock.on(40)
    read_source(store, Scripted(clock, SourceUnavailable("Busy.", fix="Later.")), job(), activity=Activity())
    (gap,) = store.source_gaps(clock())
    assert (gap.from_at, gap.until_at, gap.lost_s) == (NOON, None, 2400.0)


def test_a_source_that_never_could_be_read_has_a_gap_from_its_first_attempt(store, clock):
    skipped = SourceSkipped("No key.", fix="Set it.")
    for _ in range(6):
        read_source(store, Scripted(clock, skipped, batches=0), job(), activity=Activity())
        clock.on(10)
    (gap,) = store.source_gaps(clock())
    assert (gap.from_at, gap.until_at) == (NOON, None)


def test_of_a_gap_of_aws_only_what_lies_beyond_ninety_days_is_lost(store, clock):
    aws = job(family="aws-spot-prices")
    read_source(store, Scripted(clock), aws, activity=Activity())
    clock.on(60 * 24 * 30)  # Thirty days: AWS still answers for all of it.
    (gap,) = store.source_gaps(clock())
    assert (gap.lost_until, gap.lost_s) == (None, 0.0)
    clock.on(60 * 24 * 70)  # A hundred days: the first ten cannot be had any more.
    (gap,) = store.source_gaps(clock())
    assert gap.lost_until == NOON + timedelta(days=10)
    assert gap.lost_s == 10 * 86400


def test_gaps_that_ended_long_ago_can_be_left_out(store, clock):
    for minutes in (0, 50, 10, 60):  # A gap of 50 min, none of 10, one of 60.
        clock.on(minutes)
        read_source(store, Scripted(clock), job(), activity=Activity())
    assert [gap.lost_s for gap in store.source_gaps(clock())] == [3000.0, 3600.0]
    late = store.source_gaps(clock(), since=clock() - timedelta(minutes=30))
    assert [(gap.from_at, gap.lost_s) for gap in late] == [(NOON + timedelta(minutes=60), 3600.0)]


def test_the_watermark_is_the_newest_instant_of_a_source_that_was_read(store, clock):
    assert store.watermark("scripted") is None
    read_source(store, Scripted(clock, batches=3), job(), activity=Activity())
    assert store.watermark("scripted") == NOON - timedelta(minutes=58)
    assert store.watermark("another") is None


def test_a_stopping_service_ends_a_pass_after_its_batch(store, clock):
    activity = Activity()
    source = Scripted(clock, batches=3)
    seen = []

    def batches(give=source.batches) -> Iterator[Batch]:
        for batch in give():
            seen.append(batch)
            activity.stop(0)  # While the first batch is on its way.
            yield batch

    source.batches = batches
    assert read_source(store, source, job(), activity=activity).outcome == "interrupted"
    assert len(seen) == 1
    assert store.source_states(clock())[0].rows_new == 1  # Committed before the stop, and kept.


def test_a_feed_whose_sources_cannot_be_told_is_recorded_under_its_own_name(store, clock):
    (only,) = [
        each
        for each in jobs(FeedsConfig(feeds={"aws": AwsFeed(machines=("p99.metal",))}))
        if each.job_id == "aws-spot-advisor"
    ]
    told = []
    read_job(store, only, world(clock, store), activity=Activity(), told=told.append)
    assert [report.outcome for report in told] == ["skipped"]
    assert store.source_states(clock())[0].source_id == "aws-spot-advisor"
    assert "p99.metal" in store.source_states(clock())[0].trouble


def test_a_feed_without_its_credential_is_skipped_and_the_next_goes_on(store, clock, tmp_path):
    sheet = tmp_path / "ours.csv"
    sheet.write_text(
        "provider,region,sku,gpu_model,gpu_count,gpu_memory_gib,capacity_type,price_usd_per_hour,"
        "effective_on,read_on,source\n"
        "crusoe,us-east1,h100x8,H100-80GB,8,80,on_demand,31.2,2026-10-01,2026-10-01,price page\n"
    )
    config = FeedsConfig(
        feeds={
            "lambda": CloudFeed(base_url="http://127.0.0.1:9", key_name="LAMBDA_API_KEY"),
            "sheets": SheetsFeed(paths=(str(sheet),)),
        }
    )
    around = world(clock, store)
    for each in jobs(config):
        read_job(store, each, around, activity=Activity())
    states = {state.source_id: state for state in store.source_states(clock())}
    assert states["lambda-instance-types"].outcome == "skipped"
    assert "LAMBDA_API_KEY" in states["lambda-instance-types"].trouble
    assert (states["price-sheet-ours"].outcome, states["price-sheet-ours"].rows_new) == ("ok", 1)


def test_an_aws_feed_with_regions_is_one_job_per_region_and_without_one_for_all():
    named = jobs(FeedsConfig(feeds={"aws": AwsFeed(regions=("us-east-1", "eu-west-1"))}))
    assert "aws-spot-prices/us-east-1" in [each.job_id for each in named]
    assert "aws-spot-prices/eu-west-1" in [each.job_id for each in named]
    assert "aws-placement-scores" not in [each.job_id for each in named]  # No question, nothing to ask.
    whole = jobs(FeedsConfig(feeds={"aws": AwsFeed()}))
    assert [each.job_id for each in whole] == [
        "aws-spot-prices", "aws-on-demand", "aws-types", "aws-spot-advisor",
    ]  # fmt: skip


def test_a_cadence_can_be_set_by_family():
    config = FeedsConfig(feeds={"lambda": CloudFeed(base_url="")}, cadence_s={"lambda": 7200})
    (only,) = jobs(config)
    assert (only.cadence_s, only.jitter_s, only.stale_after_s) == (7200, 60, 14400)


def test_a_feed_that_is_read_whole_takes_no_region():
    with pytest.raises(ImpossibleInput, match="read whole"):
        jobs(FeedsConfig(), ["lambda"], regions=("us-east-1",))
    with pytest.raises(ImpossibleInput, match="not configured"):
        jobs(FeedsConfig(), ["sheets"])


def test_clients_are_made_once():
    kept = Kept()
    assert kept.http("http://127.0.0.1:9") is kept.http("http://127.0.0.1:9")
    assert isinstance(kept.http(""), httpx.Client)
    kept.close()
