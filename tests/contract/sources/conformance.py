"""What every live source must do, whatever it reads: one class, inherited once per source.

A subclass gives the fixture `make`, which builds its source against a fake in one of these
scenarios, with the clock stopped at NOW, the credential SECRET and a retry budget of a few
seconds of fake or real time:

    plain       the feed answers, once and well
    paged       the same in two pages or more (PagedConformance)
    looping     a page names itself, or one before it, as the next (PagedConformance)
    busy_once   429 or 503 first, then as in plain
    busy        the feed answers `rows_before_busy` facts and then nothing but 429 or 503
    malformed   a body that is cut short or of another shape
    denied      the credential is refused, or lacks a permission

An open source without a credential inherits OpenConformance and has no `denied`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

import pandas as pd
import pytest

from collector.catalog import load_catalog
from collector.ingest import IngestReport, ingest, ingest_all
from collector.sources.base import Source, SourceSkipped, SourceUnavailable, UnreadableSource
from collector.store import Store
from model.errors import LowtideError
from model.market import Pool

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECRET = "c0nformance-s3cret-Value"
Make = Callable[[str], Source]
CLOCKS = ("effective_at", "observed_at", "began_at", "ended_at")
PRICES = ("price_usd_per_hour", "price_usd", "upfront_usd")


def facts_of(source: Source) -> dict[str, pd.DataFrame]:
    """All rows of a source by the name of their frame, in an order of their own."""
    found: dict[str, list[pd.DataFrame]] = {}
    for batch in source.batches():
        for name, frame in batch.facts():
            found.setdefault(name, []).append(frame)
    frames = {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}
    return {name: frame.sort_values(list(frame.columns), ignore_index=True) for name, frame in frames.items()}


def rows_of(facts: dict[str, pd.DataFrame]) -> int:
    return sum(len(frame) for frame in facts.values())


def trouble_of(source: Source) -> LowtideError:
    """What reading a source to its end raises."""
    with pytest.raises(LowtideError) as caught:
        facts_of(source)
    return caught.value


class OpenConformance:
    """For every source, paged or not, with credential or without."""

    endpoint: ClassVar[str]  # What an error about the feed must name: an operation, a host or a path.
    rows_before_busy: ClassVar[int] = 0  # Facts that come before the trouble of `busy`.
    troubled: ClassVar[tuple[str, ...]] = ("busy", "malformed")

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError("give the fixture `make`, which builds the source in a scenario")

    @pytest.fixture
    def store(self):
        with Store.open(None, clock=lambda: NOW) as opened:
            yield opened

    def test_it_says_who_it_is(self, make: Make):
        source = make("plain")
        for words in (source.source_id, source.licence, source.origin):
            assert words
        assert source.kind in ("recorded", "list")
        assert SECRET not in f"{source.source_id} {source.note} {source.origin} {source!r}"

    def test_reading_twice_gives_the_same_facts(self, make: Make):
        first, second = facts_of(make("plain")), facts_of(make("plain"))
        assert rows_of(first) > 0
        assert first.keys() == second.keys()
        for name, frame in first.items():
            pd.testing.assert_frame_equal(frame, second[name])

    def test_storing_twice_adds_nothing(self, make: Make, store: Store):
        once: IngestReport = ingest(store, make("plain"))
        again = ingest(store, make("plain"))
        assert once.rows_new > 0
        assert again.rows_new == 0
        assert store.verify() == []

    def test_instants_are_utc_and_none_lies_ahead_of_the_clock(self, make: Make):
        for name, frame in facts_of(make("plain")).items():
            for clock in [c for c in CLOCKS if c in frame]:
                seen = frame[clock].dropna()
                assert isinstance(seen.dtype, pd.DatetimeTZDtype), f"{name}.{clock} is {seen.dtype}"
                assert str(seen.dt.tz) == "UTC"
                assert (seen <= pd.Timestamp(NOW)).all(), f"{name}.{clock} lies in the future"

    def test_prices_are_exact_text_and_positive(self, make: Make):
        for frame in facts_of(make("plain")).values():
            for column in [c for c in PRICES if c in frame]:
                assert frame[column].map(type).eq(str).all(), f"{column} lost its digits to a float"
                assert pd.to_numeric(frame[column]).gt(0).all()

    def test_every_pool_parses_and_its_machine_is_known(self, make: Make):
        skus = set(load_catalog().skus)
        batches = list(make("plain").batches())
        skus |= {(sku.provider, sku.name) for batch in batches for sku in batch.skus}
        for _, frame in (fact for batch in batches for fact in batch.facts()):
            if "pool_id" in frame:
                pools = [Pool.parse(key) for key in frame["pool_id"]]
                assert {(pool.provider, pool.sku) for pool in pools} <= skus

    def test_a_busy_feed_is_asked_again(self, make: Make):
        calm, busy = facts_of(make("plain")), facts_of(make("busy_once"))
        assert calm.keys() == busy.keys()
        for name, frame in calm.items():
            pd.testing.assert_frame_equal(frame, busy[name])

    def test_a_feed_that_stays_busy_is_trouble_and_what_came_before_is_kept(self, make: Make, store: Store):
        (report,) = ingest_all(store, [make("busy")])
        assert report.trouble is not None
        assert report.rows_new == self.rows_before_busy
        assert isinstance(trouble_of(make("busy")), SourceUnavailable)
        assert self.endpoint in report.trouble

    def test_a_malformed_answer_is_refused_by_the_name_of_its_endpoint(self, make: Make):
        trouble = trouble_of(make("malformed"))
        assert isinstance(trouble, UnreadableSource)
        assert self.endpoint in str(trouble)
        assert trouble.fix

    def test_no_trouble_shows_a_credential(self, make: Make):
        for scenario in self.troubled:
            trouble = trouble_of(make(scenario))
            chain = [trouble, trouble.__cause__]
            assert not any(SECRET in f"{link} {link!r}" for link in chain), scenario


class SourceConformance(OpenConformance):
    """For sources that need a credential."""

    troubled = ("busy", "malformed", "denied")

    def test_a_refused_credential_skips_the_source_and_not_the_others(self, make: Make, store: Store):
        skipped, read = ingest_all(store, [make("denied"), make("plain")])
        assert isinstance(trouble_of(make("denied")), SourceSkipped)
        assert skipped.trouble is not None
        assert self.endpoint in skipped.trouble
        assert read.trouble is None
        assert read.rows_new > 0


class PagedConformance(OpenConformance):
    """Beside one of the above, for feeds that come in pages."""

    rows_paged: ClassVar[int]  # Facts on all pages of `paged` together.

    def test_every_page_is_read(self, make: Make):
        assert rows_of(facts_of(make("paged"))) == self.rows_paged

    def test_a_page_token_that_comes_back_is_refused(self, make: Make):
        trouble = trouble_of(make("looping"))
        assert isinstance(trouble, UnreadableSource)
        assert self.endpoint in str(trouble)
