"""Asking for JSON: what is refused, what is waited for, and what an error may not say."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest
from conformance import SECRET
from json_fake import BUSY, Reply, patience, served

from collector.sources.base import SourceSkipped, SourceUnavailable, UnreadableSource
from collector.sources.findings import Findings, instant
from collector.sources.web import Shaped, bearer, json_answer, pages, parsed


def asked(reply: Reply, path: str = "/prices"):
    """What `json_answer` makes of a reply."""
    with served(lambda _: reply) as fake, httpx.Client(base_url=fake.url) as client:
        request = client.build_request("GET", path, params={"key": SECRET}, headers=bearer(SECRET))
        return json_answer(client, request, patience())


def test_no_digit_of_a_price_is_lost():
    assert asked(Reply(b'{"usd": 0.10000000000000000001}')) == {"usd": Decimal("0.10000000000000000001")}


@pytest.mark.parametrize(
    ("reply", "refusal"),
    [
        (Reply(b'{"usd": NaN}'), UnreadableSource),
        (Reply(b'{"usd": 1'), UnreadableSource),
        (Reply(b"\xff\xfe"), UnreadableSource),
        (Reply(b"[" * 200_000), UnreadableSource),
        (Reply(b"not gzip", headers={"Content-Encoding": "gzip"}), UnreadableSource),
        (Reply({}, status=404), UnreadableSource),
        (Reply({}, status=302, headers={"Location": "http://169.254.169.254/"}), UnreadableSource),
        (Reply({}, status=403), SourceSkipped),
        (BUSY, SourceUnavailable),
    ],
)
def test_a_bad_answer_is_refused_by_its_endpoint_and_shows_no_key(reply, refusal):
    with pytest.raises(refusal) as caught:
        asked(reply)
    assert "GET 127.0.0.1/prices" in str(caught.value)
    assert SECRET not in str(caught.value) + repr(caught.value.__cause__)


def test_a_wrong_shape_names_the_missing_field():
    with (
        pytest.raises(UnreadableSource, match=r"GET h/p answered data of another shape.*no 'Items'"),
        Shaped("GET h/p"),
    ):
        parsed(b"{}", "GET h/p")["Items"]


def test_pages_that_come_round_again_are_refused():
    first, second = httpx.Request("GET", "http://h/1"), httpx.Request("GET", "http://h/2")
    following = {"http://h/1": second, "http://h/2": first}
    read = pages(first, lambda request: (request, following[str(request.url)]))
    assert [next(read), next(read)] == [first, second]
    with pytest.raises(UnreadableSource, match="repeats a page token after 2 pages"):
        next(read)


@pytest.mark.parametrize("usd", ["1e999999999", "Infinity", "NaN", "1e-40"])
def test_a_price_beyond_any_range_is_turned_away_before_it_is_written_out(usd):
    found = Findings(at=instant("2026-11-20T12:00:00Z"))
    found.price("aws/r/-/s/spot", Decimal(usd))
    batch = found.batch()
    assert batch.prices is None
    assert batch.rejected["reason"].tolist() == ["price is beyond any range"]


def test_an_instant_without_a_zone_is_utc_and_another_zone_is_turned():
    assert instant("2026-11-20T12:00:00") == instant("2026-11-20T04:00:00-08:00")
