"""The doctor: credentials, clocks, locks and stale sources; what it could not check is no pass."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from advisor import doctor
from advisor.doctor import Finding
from advisor.doctor_feeds import clock_finding, feeds, source_finding
from advisor.settings import Settings
from collector.feed_checks import ahead_s, check_feed
from collector.feed_config import AwsFeed, AzureFeed, CloudFeed, GcpFeed, SheetsFeed
from collector.store import Store

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEY = "a-key-that-must-not-show"
IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:role/reader</Arn><UserId>AIDA</UserId>
<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""


class Provider(ThreadingHTTPServer):
    """Answers everything in one way; its clock shows `date`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body, self.date = 200, b'{"access_token": "t"}', "Sun, 01 Nov 2026 12:00:00 GMT"
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(f"{self.command} {self.path}")
        self.send_response_only(self.server.status)
        self.send_header("Date", self.server.date)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_POST = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Callable[..., Settings]:
    """Settings of a folder of its own, where no service answers."""
    monkeypatch.chdir(tmp_path)
    for name in ("LAMBDA_API_KEY", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)

    def make(**collect: Any) -> Settings:
        return Settings(store=str(tmp_path / "s.duckdb"), url="http://127.0.0.1:9", collect=collect)

    return make


def check(name: str, feed: Any, **environ: str):
    return check_feed(name, feed, environ=environ, now=lambda: NOON)


@pytest.mark.parametrize("name", ["lambda", "runpod", "vast", "nebius"])
def test_a_neocloud_is_asked_one_small_question(provider, name):
    feed = CloudFeed(base_url=provider.url + "/", key_name=None if name == "nebius" else "SOME_KEY")
    checked = check(name, feed, SOME_KEY=KEY)
    assert (checked.verdict, len(provider.asked), checked.clock_ahead_s) == ("accepted", 1, 0.0)
    assert KEY not in str(checked)


def test_tokens_are_asked_for_where_the_feed_lives_on_tokens(provider):
    verda = check("verda", CloudFeed(base_url=provider.url), VERDA_CLIENT_ID="a", VERDA_CLIENT_SECRET=KEY)
    names = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": KEY}
    azure = check("azure", AzureFeed(regions=("eastus",), login_url=provider.url), **names)
    gcp = check("gcp", GcpFeed(catalog_url=provider.url), GOOGLE_API_KEY=KEY)
    assert [each.verdict for each in (verda, azure, gcp)] == ["accepted"] * 3
    assert provider.asked == [
        "POST /v1/oauth2/token",
        "POST /t/oauth2/v2.0/token",
        "GET /v1/services/6F81-5844-456A/skus?pageSize=1",
    ]


def test_aws_is_asked_who_we_are(provider, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", provider.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    provider.body = IDENTITY
    checked = check("aws", AwsFeed(regions=("us-east-1",)))
    assert (checked.verdict, checked.clock_ahead_s) == ("accepted", 0.0)
    assert "123456789012" not in checked.seen


def test_a_refused_credential_and_a_missing_one_are_failures_that_name_it(provider):
    provider.status = 401
    feed = CloudFeed(base_url=provider.url, key_name="SOME_KEY")
    assert check("lambda", feed, SOME_KEY=KEY).verdict == "refused"
    missing = check("lambda", feed)
    assert missing.verdict == "refused"
    assert "SOME_KEY" in missing.seen + missing.fix


def test_a_provider_that_cannot_be_reached_is_not_checked_and_no_pass(settings, monkeypatch):
    monkeypatch.setenv("LAMBDA_API_KEY", KEY)
    made = settings(**{"lambda": {"base_url": "http://127.0.0.1:9"}})
    found = list(feeds(made, lambda: NOON))
    assert [finding.ok for finding in found] == [None, None]
    assert all(finding.seen.startswith("not checked: ") for finding in found)
    assert [finding.check for finding in found] == ["feed lambda", "clock"]


def test_a_price_sheet_that_is_gone_is_named(tmp_path):
    assert "gone.csv" in check("sheets", SheetsFeed(paths=(str(tmp_path / "gone.csv"),))).seen


def test_the_clock_is_judged_by_the_providers_that_answered():
    date = "Sun, 01 Nov 2026 11:50:00 GMT"
    assert ahead_s(date, NOON) == 600.0  # Ours shows noon, ten minutes later.
    assert ahead_s("no date", NOON) is None
    off = clock_finding({"lambda": 600.0})
    assert (off.ok, off.seen) == (False, "is 10 min ahead, by the answer of lambda")
    assert clock_finding({"lambda": 600.0, "vast": 0.4}).ok is True  # Lambda's own clock is off.
    assert clock_finding({}).ok is None


def source(**changes: Any) -> dict[str, Any]:
    return {
        "source_id": "vast-offers", "age_s": 60.0, "stale": False, "stale_after_s": 3600.0, "outcome": "ok",
        "trouble": None, "gaps": [], "configured": True, **changes,
    }  # fmt: skip


def test_a_stale_source_fails_with_the_trouble_of_its_last_pass():
    assert source_finding(source()).ok is True
    late = source_finding(source(age_s=7200.0, stale=True, outcome="unavailable", trouble="503 for long."))
    assert late.ok is False
    assert "120 min" in late.seen or "2.0 h" in late.seen
    assert "503 for long." in late.seen
    assert source_finding(source(outcome="not read yet", age_s=None)).ok is None
    assert source_finding(source(configured=False, stale=True)).ok is None


def test_the_holder_of_the_store_is_named(settings):
    made = settings()
    found = {finding.check: finding for finding in doctor.data(made)}
    assert found["store"].ok is False  # There is none yet.
    Store.open(made.place, clock=lambda: NOON).close()
    found = {finding.check: finding for finding in doctor.data(made)}
    assert (found["lock"].ok, found["store"].ok) == (True, True)


def test_without_a_feed_it_says_that_none_was_checked(settings):
    (only,) = feeds(settings(), lambda: NOON)
    assert only == Finding(check="feeds", ok=None, seen="not checked: no live feed is configured")


def test_an_age_that_is_judged_comes_from_the_store_where_no_service_runs(settings):
    made = settings(**{"lambda": {"base_url": "http://127.0.0.1:9"}})
    began = datetime.now(UTC) - timedelta(hours=3)
    with Store.open(made.place, clock=lambda: began) as store:
        store.begin_pass(
            "pass-1", source_id="lambda-instance-types", job_id="lambda", feed="lambda", cadence_s=300,
            stale_after_s=3600, history_s=0, started_at=began,
        )  # fmt: skip
        store.end_pass(
            "pass-1", source_id="lambda-instance-types", cadence_s=300, history_s=0, started_at=began,
            outcome="ok", trouble=None, finished_at=began, ingest_run_id=None, rows_in=0,
            rows_new=0, rows_duplicate=0, rows_quarantined=0,
        )  # fmt: skip
    (finding,) = [each for each in doctor.data(made) if each.check.startswith("live")]
    assert (finding.ok, finding.check) == (False, "live lambda-instance-types")
    assert "1 gaps" in finding.seen


@pytest.mark.parametrize(("free", "ok"), [(1_000_000_000, True), (999_999_999, False)])
def test_less_than_a_gigabyte_of_disk_fails_and_the_space_is_told(tmp_path, monkeypatch, free, ok):
    monkeypatch.setattr("advisor.doctor.shutil.disk_usage", lambda folder: SimpleNamespace(free=free))
    found = doctor.disk(tmp_path / "not" / "made" / "yet")
    assert (found.check, found.ok) == ("disk", ok)
    assert f"1.0 GB free at {tmp_path}" in found.seen
