"""Neoclouds as they are today. Each needs its own credential by name; Nebius needs LOWTIDE_LIVE_NEBIUS=1."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from collector.activity import Activity
from collector.feed_config import FeedsConfig, cloud
from collector.feed_world import World
from collector.feeds import jobs
from collector.passes import read_job
from collector.store import Store

CREDENTIALS = {
    "nebius": ("LOWTIDE_LIVE_NEBIUS",),
    "lambda": ("LAMBDA_API_KEY",),
    "runpod": ("RUNPOD_API_KEY",),
    "vast": ("VAST_API_KEY",),
    "verda": ("VERDA_CLIENT_ID", "VERDA_CLIENT_SECRET"),
}


@pytest.mark.parametrize("feed", CREDENTIALS)
def test_a_neocloud_is_read_as_the_service_reads_it(feed):
    if missing := [name for name in CREDENTIALS[feed] if not os.environ.get(name)]:
        pytest.skip(f"{', '.join(missing)} not set")

    def now() -> datetime:
        return datetime.now(UTC)

    settings = replace(cloud(feed), gpus=("H100 SXM",))
    config = FeedsConfig(feeds={feed: settings})
    with Store.open(None, clock=now) as store:
        world = World(
            environ=os.environ,
            now=now,
            since=store.watermark,
            watched=lambda: frozenset(store.watched_pools(now())),
            asked=store.asked_scores,
        )
        (job,) = jobs(config)
        reports = read_job(store, job, world, activity=Activity(), since=None)
        assert [(report.outcome, report.trouble) for report in reports] == [("ok", None)]
        assert sum(report.rows_new for report in reports) > 0
        assert store.verify() == []
