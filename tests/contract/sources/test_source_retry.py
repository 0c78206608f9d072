"""How long a busy feed is asked again: on a clock that only moves when somebody sleeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.sources.base import SourceUnavailable
from collector.sources.retry import Again, fetch, retry_after_s, with_retries

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Clock:
    """Seconds, and every sleep that was asked for."""

    def __init__(self) -> None:
        self.at_s = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at_s += seconds


def busy_for(times: int, after_s: float | None = None):
    """A call that is busy so many times and then answers."""
    left = iter(range(times))

    def call() -> str:
        if next(left, None) is not None:
            raise Again("feed answered 503", after_s=after_s)
        return "answer"

    return call


def test_pauses_double_from_one_second_to_a_minute():
    clock = Clock()
    assert with_retries(busy_for(9), budget_s=999, sleep=clock.sleep, now=clock.now) == "answer"
    assert clock.slept == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_feed_is_left_alone_as_long_as_it_asks():
    clock = Clock()
    with_retries(busy_for(2, after_s=7.5), budget_s=999, sleep=clock.sleep, now=clock.now)
    assert clock.slept == [7.5, 7.5]


def test_the_budget_ends_it_before_the_pause_that_would_pass_it():
    # 1 + 2 + 4 = 7 s; the next pause of 8 s would end at 15 s, after the budget of 10 s.
    clock = Clock()
    with pytest.raises(SourceUnavailable) as caught:
        with_retries(busy_for(99), budget_s=10, sleep=clock.sleep, now=clock.now)
    assert clock.slept == [1, 2, 4]
    assert caught.value.seen.startswith("feed answered 503; asked 4 times in 7 s")


def test_what_is_no_matter_of_patience_goes_straight_through():
    clock = Clock()
    with pytest.raises(ZeroDivisionError):
        with_retries(lambda: 1 // 0, budget_s=10, sleep=clock.sleep, now=clock.now)
    assert clock.slept == []


@given(times=st.integers(0, 30), budget_s=st.floats(0, 500), after_s=st.none() | st.floats(0, 900))
def test_no_try_starts_after_the_budget(times, budget_s, after_s):
    clock = Clock()
    try:
        with_retries(busy_for(times, after_s), budget_s=budget_s, sleep=clock.sleep, now=clock.now)
    except SourceUnavailable:
        assert times > 0
    assert clock.at_s <= budget_s


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (format_datetime(AT + timedelta(seconds=30), usegmt=True), 30.0),
        (format_datetime(AT - timedelta(seconds=30), usegmt=True), 0.0),
        ("soon", None),
        ("Fri, 20 Nov 2026 12:00:30", None),  # A date without a zone.
    ],
)
def test_retry_after_is_read_in_both_its_forms(header, seconds):
    assert retry_after_s(header, AT) == seconds


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_status_that_promises_to_pass_is_asked_again(status):
    answers = iter([httpx.Response(status, headers={"Retry-After": "3"}), httpx.Response(200)])
    clock = Clock()
    with httpx.Client(transport=httpx.MockTransport(lambda _: next(answers))) as client:
        request = client.build_request("GET", "http://feed.example/prices")
        answer = fetch(client, request, budget_s=10, sleep=clock.sleep, now=clock.now)
    assert answer.status_code == 200
    assert clock.slept == [3]


def test_a_lost_connection_is_asked_again_and_named_without_the_query():
    def lost(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too slow", request=request)

    clock = Clock()
    with httpx.Client(transport=httpx.MockTransport(lost)) as client:
        request = client.build_request("GET", "http://feed.example/prices?key=s3cret")
        with pytest.raises(SourceUnavailable) as caught:
            fetch(client, request, budget_s=5, sleep=clock.sleep, now=clock.now)
    assert "GET feed.example/prices could not be reached (ReadTimeout)" in caught.value.seen
    assert "s3cret" not in str(caught.value)
