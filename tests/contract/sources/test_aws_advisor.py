"""The Spot Advisor file, over HTTP with httpx."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from conformance import NOW, Make, OpenConformance, facts_of, trouble_of
from json_fake import Asked, Reply, need, patience, scripted, served

from collector.catalog import load_catalog
from collector.ingest import ingest
from collector.sources.aws_advisor import ADDRESS, AwsAdvisor
from collector.sources.base import SourceSkipped, UnreadableSource
from collector.sources.files import json_of
from collector.sources.recorded_published import read_advisor
from collector.store import Store

PATH = "/spot-advisor-data.json"
SKUS = tuple(sku for (provider, _), sku in load_catalog().skus.items() if provider == "aws")
RANGES = [
    {"index": i, "label": label, "dots": i, "max": most}
    for i, (label, most) in enumerate(
        [("<5%", 5), ("5-10%", 11), ("10-15%", 16), ("15-20%", 22), (">20%", 100)]
    )
]
MACHINES = {
    "p5.48xlarge": {"r": 4, "s": 12},
    "p4d.24xlarge": {"r": 0, "s": 61},
    "m7i.large": {"r": 1, "s": 70},
}
CONTENT = {
    "ranges": RANGES,
    "instance_types": {},
    "spot_advisor": {"us-east-1": {"Linux": MACHINES, "Windows": {"p5.48xlarge": {"r": 0, "s": 1}}}},
}


def bucket(content: Any = CONTENT) -> Callable[[Asked], Reply]:
    """The public bucket: one file with a tag and a day; it knows GET, If-None-Match and no more."""

    def answer(asked: Asked) -> Reply:
        need((asked.method, asked.path, asked.query) == ("GET", PATH, {}), "only GET of the one file")
        if asked.headers.get("If-None-Match") == '"v1"':
            return Reply(status=304)
        return Reply(content, headers={"ETag": '"v1"', "Last-Modified": "Thu, 19 Nov 2026 08:00:00 GMT"})

    return answer


@contextmanager
def reading(answer: Callable[[Asked], Reply], **more: Any) -> Iterator[AwsAdvisor]:
    """The source, against that answer."""
    with served(answer) as fake, httpx.Client() as client:
        yield AwsAdvisor(
            client=client, skus=SKUS, now=lambda: NOW, address=fake.url + PATH, patience=patience(), **more
        )


class TestAwsAdvisor(OpenConformance):
    endpoint = "spot-advisor-data.json"

    @pytest.fixture
    def make(self) -> Iterator[Make]:
        with ExitStack() as stack:
            yield lambda scenario: stack.enter_context(reading(scripted(bucket(), scenario)))


def bands_of(content: Any) -> pd.DataFrame:
    with reading(bucket(content)) as source:
        return facts_of(source)["bands"].set_index("sku")


def test_a_band_is_an_interval_over_a_month_and_never_a_point():
    bands = bands_of(CONTENT)
    assert (bands.loc["p4d.24xlarge", "rate_low"], bands.loc["p4d.24xlarge", "rate_high"]) == (0.0, 0.05)
    assert bands.loc["p5.48xlarge", "rate_low"] == 0.20
    assert pd.isna(bands.loc["p5.48xlarge", "rate_high"])  # Above 20 % is open, not 100 %.
    assert set(bands["horizon_s"]) == set(bands["window_s"]) == {30 * 86_400.0}
    assert set(bands["denominator"]) == {"running"}
    assert bands.loc["p5.48xlarge", "label"] == ">20%"
    assert bands.loc["p4d.24xlarge", "saving"] == pytest.approx(0.61)


def test_only_linux_and_only_machines_we_know_are_kept():
    bands = bands_of(CONTENT)
    assert sorted(bands.index) == ["p4d.24xlarge", "p5.48xlarge"]
    assert bands.loc["p5.48xlarge", "rate_low"] == 0.20  # Windows says under 5 %.


def test_a_band_takes_effect_when_aws_wrote_the_file_and_is_observed_now():
    bands = bands_of(CONTENT)
    assert set(bands["effective_at"]) == {pd.Timestamp("2026-11-19T08:00Z")}
    assert set(bands["observed_at"]) == {pd.Timestamp(NOW)}


def test_a_band_with_a_new_label_is_refused_until_its_limits_are_known():
    ranges = [{**entry, "label": "<1%"} if entry["index"] == 0 else entry for entry in RANGES]
    with reading(bucket({**CONTENT, "ranges": ranges})) as source:
        assert isinstance(trouble_of(source), UnreadableSource)


def test_an_unchanged_file_is_not_sent_again_and_gives_no_rows():
    with reading(bucket()) as source, Store.open(None, clock=lambda: NOW) as store:
        assert ingest(store, source).rows_new == 2
        assert source.etag == '"v1"'
        assert ingest(store, source).rows_in == 0


def test_a_file_whose_batch_was_not_stored_is_asked_for_again():
    with reading(bucket()) as source:
        next(source.batches())  # And nobody comes back for more.
        assert source.etag is None


def test_a_bucket_that_hides_the_file_is_skipped():
    with reading(lambda _: Reply(status=403)) as source:
        assert isinstance(trouble_of(source), SourceSkipped)


def test_the_address_is_the_one_aws_publishes_at():
    assert ADDRESS.endswith(PATH)


def test_the_live_reader_and_the_archive_reader_agree_on_a_real_file(recorded_data: Path):
    (path,) = sorted((recorded_data / "aws-spot-advisor").glob("*.json*"))
    columns = ["region", "sku", "rate_low", "rate_high", "saving", "horizon_s", "what"]
    (archived,) = read_advisor(path)
    with reading(bucket(json_of(path))) as source:
        live = facts_of(source)["bands"]
    assert archived.bands is not None
    assert len(live) > 100
    pd.testing.assert_frame_equal(
        live[columns].sort_values(columns, ignore_index=True),
        archived.bands[columns].sort_values(columns, ignore_index=True),
    )
