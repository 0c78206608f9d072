"""What a launcher hears reaches its trainer: a real launcher, a real trainer, our own metadata service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from advisor.cloud import Lease
from advisor.forwarding import Forwarder, LauncherTaken, Warned
from trainer.runlog import notice_path, read_notice, read_spool, spool_path

ROOT = Path(__file__).parents[3]
LEASE = Lease(pool_id="a/b/c/d/spot", began_at=datetime(2026, 1, 1, tzinfo=UTC), ends_at=None)
PATIENCE_S = 90
SCRIPT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
sys.path.insert(0, {here!r})
import launcher_kit
from advisor.cloud import LocalCloud
from advisor.executor import LocalExecutor
from advisor.launch import Launcher
from advisor.progress import RunClock
launcher_kit.PLAN["notice"].update({notice!r})
launcher_kit.PLAN["expires_at"] = "2999-01-01T00:00:00Z"
service = launcher_kit.FakeService()
now = datetime.now(UTC)
Launcher(
    service, LocalCloud(), LocalExecutor(["--steps", "1000000"]), room=Path({room!r}), send=service.send,
    clock=RunClock(market_origin_at=now, wall_origin_at=now),
).run("rec-1")
"""


@pytest.fixture
def launcher(tmp_path):
    """Start a launcher as a process of its own; its trainer has done a few steps when this returns."""
    started = []

    def start(**notice):
        script = SCRIPT.format(here=str(Path(__file__).parent), notice=notice, room=str(tmp_path))
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        started.append(process)
        until = time.monotonic() + PATIENCE_S
        while len(events(tmp_path, "step")) < 3:
            assert time.monotonic() < until, "no step was done"
            time.sleep(0.05)
        return process

    yield start
    for process in started:
        process.kill()  # Its trainer dies with it.
        process.wait()


def events(room, kind, node="0", attempt=1):
    spool = read_spool(spool_path(room / "spool", attempt, node))
    return [event for event in spool if event["event"] == kind]


def test_a_launcher_that_is_told_to_go_has_its_trainer_save_and_starts_nothing_more(launcher, tmp_path):
    process = launcher()
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 75
    assert [event["source"] for event in events(tmp_path, "notice")] == ["launcher SIGTERM"]
    [ended] = events(tmp_path, "ended")
    assert ended["exit_code"] == 75
    assert events(tmp_path, "committed")[-1]["step"] == ended["step"]
    assert events(tmp_path, "ended", "launcher")[0]["exit_code"] == 75
    assert not (tmp_path / "plans" / "attempt-2.json").exists()


def test_a_trainer_asks_the_providers_metadata_where_its_plan_says_so(launcher, tmp_path):
    class Metadata(BaseHTTPRequestHandler):
        is_taken = False

        def do_PUT(self):
            self.answer(200, b"token")

        def do_GET(self):
            if self.path.endswith("spot/instance-action") and Metadata.is_taken:
                at = (datetime.now(UTC) + timedelta(seconds=120)).strftime("%Y-%m-%dT%H:%M:%SZ")
                self.answer(200, json.dumps({"action": "terminate", "time": at}).encode())
            else:
                self.answer(404, b"")

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    launcher(provider="aws", poll_url=f"http://127.0.0.1:{server.server_port}")
    Metadata.is_taken = True
    until = time.monotonic() + PATIENCE_S
    while not events(tmp_path, "ended"):
        assert time.monotonic() < until, "the notice was not heard"
        time.sleep(0.05)
    server.shutdown()
    server.server_close()
    [notice] = events(tmp_path, "notice")
    assert notice["source"] == "aws instance-action"
    assert 60 < notice["assumed_s"] <= 120


def test_what_a_provider_says_is_forwarded_once_with_its_time(tmp_path):
    at = datetime.now(UTC) + timedelta(seconds=30)
    asked = []

    def warner(lease):
        asked.append(lease)
        return Warned(source="gcp api", at=at) if len(asked) > 1 else None

    forwarder = Forwarder(tmp_path, "0", warner)
    path = notice_path(tmp_path, 3, "0")
    forwarder.forward(3, LEASE)
    assert not path.exists()
    forwarder.forward(3, LEASE)
    forwarder.forward(3, LEASE)
    source, left_s = read_notice(path)
    assert (source, len(asked)) == ("gcp api", 2)
    assert 0 < left_s <= 30
    forwarder.leave_if_taken()  # It was the machine's notice, not the launcher's.


def test_with_no_trainer_at_work_a_launcher_leaves_at_once(tmp_path):
    former = signal.getsignal(signal.SIGTERM)

    def wait_for_capacity():
        with Forwarder(tmp_path, "0"):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(PATIENCE_S)

    with pytest.raises(LauncherTaken) as taken:
        wait_for_capacity()
    assert taken.value.code == 75
    assert signal.getsignal(signal.SIGTERM) is former
