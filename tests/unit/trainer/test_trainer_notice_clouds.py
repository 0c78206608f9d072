"""Three clouds warn in three ways, by real HTTP against a local service; what is no answer is no warning."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from trainer.notice import NoticeWatch
from trainer.notice_clouds import AwsNotice, AzureNotice, GcpNotice, instant, source_of

TOKEN = "token-of-this-machine"
ROOT = Path(__file__).parents[3]


class Metadata(ThreadingHTTPServer):
    """A metadata service: `pages` maps paths to bodies, or to a status to answer with."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages, self.asked, self.slow_s = {}, [], 0.0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_PUT(self):
        assert self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
        self.answer(200, TOKEN)

    def do_GET(self):
        path, server = self.path, self.server
        server.asked.append(path)
        time.sleep(server.slow_s)
        if path.startswith("/latest/") and self.headers["X-aws-ec2-metadata-token"] != TOKEN:
            return self.answer(401, "no token")
        if path.startswith("/computeMetadata/") and self.headers["Metadata-Flavor"] != "Google":
            return self.answer(403, "no flavor")
        if path.startswith("/metadata/") and self.headers["Metadata"] != "true":
            return self.answer(400, "no header")
        found = server.pages.get(path.split("?")[0], 404)
        return self.answer(found, "refused") if isinstance(found, int) else self.answer(200, found)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def service():
    made = Metadata()
    yield made
    made.shutdown()
    made.server_close()


ACTION = "/latest/meta-data/spot/instance-action"
REBALANCE = "/latest/meta-data/events/recommendations/rebalance"
PREEMPTED = "/computeMetadata/v1/instance/preempted"
EVENTS = "/metadata/scheduledevents"


def test_amazon_says_when(service):
    aws = AwsNotice(service.url)
    assert aws.poll() is None
    service.pages[REBALANCE] = json.dumps({"noticeTime": "2026-11-05T00:00:00Z"})
    hint = aws.poll()
    assert (hint.source, hint.is_certain) == ("aws rebalance", False)
    service.pages[ACTION] = json.dumps({"action": "terminate", "time": "2026-11-05T00:02:00Z"})
    heard = aws.poll()
    assert (heard.source, heard.is_certain) == ("aws instance-action", True)
    assert heard.at == datetime(2026, 11, 5, 0, 2, tzinfo=UTC)


def test_a_token_that_has_expired_is_replaced(service):
    aws = AwsNotice(service.url)
    aws.poll()
    aws._token = "an old one"
    service.pages[ACTION] = json.dumps({"action": "stop"})
    assert aws.poll().is_certain


def test_google_holds_its_answer_back_but_the_first(service):
    gcp = GcpNotice(service.url, wait_s=0.1)
    service.pages[PREEMPTED] = "FALSE"
    assert gcp.poll() is None
    assert gcp.poll() is None
    of_preempted = [path for path in service.asked if "preempted" in path]
    assert [("wait_for_change" in path) for path in of_preempted] == [False, True]
    service.pages[PREEMPTED] = "TRUE"
    assert gcp.poll().is_certain


def test_azure_says_not_before_and_what_is_only_a_disturbance(service):
    azure = AzureNotice(service.url)
    service.pages[EVENTS] = json.dumps({"DocumentIncarnation": 1, "Events": []})
    assert azure.poll() is None
    reboot = {"EventType": "Reboot", "NotBefore": ""}
    preempt = {"EventType": "Preempt", "NotBefore": "Mon, 19 Sep 2026 18:29:47 GMT"}
    service.pages[EVENTS] = json.dumps({"Events": [reboot]})
    assert not azure.poll().is_certain
    service.pages[EVENTS] = json.dumps({"Events": [reboot, preempt]})
    heard = azure.poll()
    assert (heard.source, heard.at) == ("azure Preempt", datetime(2026, 9, 19, 18, 29, 47, tzinfo=UTC))


KINDS = {"aws": AwsNotice, "gcp": GcpNotice, "azure": AzureNotice}


@pytest.mark.parametrize("kind", KINDS.values())
@pytest.mark.parametrize(
    "page", [500, 429, "{", "[1]", "null", "", "\x00\xff", '{"Events": [3]}', '{"time": 5}']
)
def test_nonsense_is_no_certain_warning_with_a_time_and_never_an_error(service, kind, page, capsys):
    for path in (ACTION, PREEMPTED, EVENTS):
        service.pages[path] = page
    source = kind(service.url)
    for _ in range(3):
        heard = source.poll()
        assert heard is None or heard.at is None
    assert capsys.readouterr().err.count("notices cannot be heard") <= 1


@pytest.mark.parametrize("kind", KINDS.values())
def test_an_absent_service_is_said_once_and_no_error(kind, capsys):
    source = kind("http://127.0.0.1:9")
    assert [source.poll() for _ in range(3)] == [None] * 3
    assert capsys.readouterr().err.count("notices cannot be heard") == 1


def test_a_slow_service_does_not_hold_training_up(service):
    service.slow_s = 1.0
    watch = NoticeWatch()
    watch.ask(AwsNotice(service.url))
    began = time.monotonic()
    assert watch.heard() is None
    assert time.monotonic() - began < 0.5
    watch.disarm()


def test_a_named_time_is_what_is_left_and_a_hint_is_taken_once(service):
    at = datetime.now(UTC) + timedelta(seconds=100)
    service.pages[REBALANCE] = "{}"
    source = AwsNotice(service.url)
    source.poll_every_s = 0.01
    watch = NoticeWatch()
    watch.ask(source)
    until(lambda: watch._hinted)
    assert watch.take_hint() == "aws rebalance"
    service.pages[ACTION] = json.dumps({"action": "stop", "time": at.isoformat()})
    until(watch.heard)
    assert 90 < watch.left_s <= 100
    watch.disarm()


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_only_clouds_that_warn_by_http_are_asked():
    assert source_of("lambda", "metadata") is None
    assert source_of("aws", "metadata")._service._url == "http://169.254.169.254"
    assert source_of("gcp", "http://127.0.0.1:1/")._service._url == "http://127.0.0.1:1"


@pytest.mark.parametrize("text", [None, 5, "", "soon", "19 Foo"])
def test_what_is_no_time_is_none(text):
    assert instant(text) is None


STUCK = """
import signal, sys, time
sys.path.insert(0, {root!r})
from trainer.notice import NoticeWatch
watch = NoticeWatch()
watch.listen()
watch.stop_hard_after(0.3, lambda: print("left", flush=True))
print("ready", flush=True)
{stuck}
time.sleep(30)
"""


@pytest.mark.parametrize(
    "stuck",
    ["time.sleep(30)", "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)"],
    ids=["asleep", "deep in a C call"],
)
def test_a_process_stuck_in_a_step_is_gone_when_its_notice_is_over(stuck):
    script = STUCK.format(root=str(ROOT), stuck=stuck)
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    child.terminate()
    assert child.wait(20) == 75
    assert child.stdout.read() == "left\n"


def test_a_watch_that_is_closed_ends_nothing():
    watch = NoticeWatch()
    watch.stop_hard_after(0.05)
    watch.hear("SIGTERM")
    watch.close()
    time.sleep(0.2)  # This very process would be gone.
    assert watch.heard() == "SIGTERM"
