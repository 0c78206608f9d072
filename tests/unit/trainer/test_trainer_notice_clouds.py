"""Three clouds warn in three ways, by real HTTP against a local service; what is no answer is no warning."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from trainer.notice import NoticeWatch
from trainer.notice_clouds import AwsNotice, AzureNotice, GcpNotice, source_of
from trainer.notice_http import instant
from trainer.spool import write_notice

TOKEN = "token-of-this-machine"
ROOT = Path(__file__).parents[3]


class Metadata(ThreadingHTTPServer):
    """A metadata service: `pages` maps paths to bodies, or to a status to answer with."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages, self.asked, self.slow_s = {}, [], 0.0
        self.headers = {}  # Of every answer, over what the server says by itself.
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
        self.send_response_only(status)
        own = {"Date": self.date_time_string(), "Content-Length": str(len(body))}
        for name, value in {**own, **self.server.headers}.items():
            self.send_header(name, value)
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


def test_azures_events_of_other_machines_are_not_ours(service):
    service.pages["/metadata/instance/compute/name"] = "gpu_3"
    preempt = {"EventType": "Preempt", "EventId": "1", "NotBefore": ""}
    azure = AzureNotice(service.url)
    service.pages[EVENTS] = json.dumps({"Events": [{**preempt, "Resources": ["gpu_1", "_gpu_2"]}]})
    assert azure.poll() is None
    service.pages[EVENTS] = json.dumps({"Events": [{**preempt, "Resources": ["gpu_1", "_GPU_3"]}]})
    assert azure.poll().is_certain


def test_a_machine_that_azure_does_not_name_takes_every_event_for_its_own(service):
    service.pages["/metadata/instance/compute/name"] = 500
    event = {"EventType": "Preempt", "EventId": "1", "Resources": ["gpu_1"], "EventStatus": "Started"}
    service.pages[EVENTS] = json.dumps({"Events": [event]})
    heard = AzureNotice(service.url).poll()
    assert (heard.is_certain, heard.left_s) == (True, 0.0)  # Started, and no time named: now.


def test_what_is_left_is_counted_by_the_providers_clock(service):
    # Our clock is months away from theirs; theirs says 12:00:00 (to 12:00:01) and the end is at 12:01:30.
    service.headers["Date"] = "Thu, 05 Mar 2026 12:00:00 GMT"
    service.pages[ACTION] = json.dumps({"action": "terminate", "time": "2026-03-05T12:01:30Z"})
    assert AwsNotice(service.url).poll().left_s == 89.0


def test_hibernation_begins_at_once(service):
    service.pages[ACTION] = json.dumps({"action": "hibernate", "time": "2999-03-05T12:01:30Z"})
    assert AwsNotice(service.url).poll().left_s == 0.0


def test_google_is_asked_what_changed_since_the_state_last_seen(service):
    service.headers["ETag"] = "f00d"
    service.pages[PREEMPTED] = "FALSE"
    gcp = GcpNotice(service.url, wait_s=0.1)
    gcp.poll()
    gcp.poll()
    assert f"{PREEMPTED}?wait_for_change=true&timeout_sec=0.1&last_etag=f00d" in service.asked


def test_a_proxy_in_the_environment_is_not_asked_about_this_machine(service, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    service.pages[ACTION] = json.dumps({"action": "stop"})
    assert AwsNotice(service.url).poll().is_certain


def test_an_answer_that_is_not_http_is_no_answer_and_no_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble():
            for _ in range(6):
                connection = listener.accept()[0]
                connection.sendall(b"\x00\x01 what?\r\n\r\n")
                connection.close()

        threading.Thread(target=babble, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert [kind(url).poll() for kind in KINDS.values()] == [None] * 3


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


def test_a_hint_that_is_repeated_is_one_hint(service):
    source = AwsNotice(service.url)
    source.poll_every_s = 0.01
    service.pages[REBALANCE] = json.dumps({"noticeTime": "2026-11-05T00:00:00Z"})
    watch = NoticeWatch()
    watch.ask(source)
    until(lambda: watch.take_hint() is not None)
    asked = len(service.asked)
    until(lambda: len(service.asked) > asked + 10)
    assert watch.take_hint() is None  # Or every poll would have a checkpoint made.
    service.pages[REBALANCE] = json.dumps({"noticeTime": "2026-11-05T07:00:00Z"})
    until(lambda: watch.take_hint() is not None)
    watch.disarm()


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_only_clouds_that_warn_by_http_are_asked():
    assert source_of("lambda", "metadata") is None
    assert source_of("aws", "metadata")._service.url == "http://169.254.169.254"
    assert source_of("gcp", "http://127.0.0.1:1/")._service.url == "http://127.0.0.1:1"


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


def test_a_notice_heard_before_the_session_was_there_counts_from_then_on():
    watch = NoticeWatch()
    watch.hear("SIGTERM")
    watch._heard_at -= 20
    watch.stop_hard_after(30.0)
    assert 9 < watch.left_s <= 10
    watch.close()


def test_a_time_that_is_told_replaces_one_that_was_assumed():
    watch = NoticeWatch()
    watch.stop_hard_after(30.0)
    watch.hear("SIGTERM")
    watch.hear("aws instance-action", 110.0)
    watch.hear("late", 5.0)
    assert watch.heard() == "SIGTERM"
    assert 100 < watch.left_s <= 110
    watch.close()


def test_a_file_is_a_notice_and_may_say_who_gave_it_and_when_the_machine_goes(tmp_path):
    at = datetime.now(UTC) + timedelta(seconds=60)
    write_notice(tmp_path / "told", "launcher", at)
    (tmp_path / "empty").touch()
    (tmp_path / "torn").write_text('{"source": "lau')
    told, empty, torn = (NoticeWatch(tmp_path / name) for name in ("told", "empty", "torn"))
    assert [watch.heard() for watch in (told, empty, torn)] == ["launcher", "file", "file"]
    assert 55 < told.left_s <= 60
    assert (empty.left_s, torn.left_s) == (None, None)


FILE = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from trainer.notice import NoticeWatch
watch = NoticeWatch(Path({file!r}))
watch.listen()
watch.stop_hard_after(0.4)
print("ready", flush=True)
time.sleep(30)
"""


def test_a_file_is_heard_in_the_middle_of_a_step_too(tmp_path):
    script = FILE.format(root=str(ROOT), file=str(tmp_path / "notice"))
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    (tmp_path / "notice").touch()
    assert child.wait(20) == 75


def test_a_last_word_that_cannot_be_said_does_not_hold_the_process():
    script = STUCK.replace('lambda: print("left", flush=True)', "lambda: time.sleep(60)")
    script = script.format(root=str(ROOT), stuck="")
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
    child.terminate()
    assert child.wait(20) == 75
