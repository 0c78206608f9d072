"""A real `lowtide serve` with two feeds: one is healthy, one lacks its credential; and it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

Standing = dict[str, dict[str, Any]]  # Sources by name.
KEY = "a-key-that-must-not-show"
ANSWER = json.dumps(
    {
        "data": {
            "gpu_8x_h100": {
                "instance_type": {
                    "name": "gpu_8x_h100", "description": "8x H100", "gpu_description": "H100 (80 GB SXM5)",
                    "price_cents_per_hour": 2392,
                    "specs": {"vcpus": 208, "memory_gib": 1800, "storage_gib": 22000, "gpus": 8},
                },
                "regions_with_capacity_available": [{"name": "us-east-1", "description": "Virginia"}],
            }
        }
    }
).encode()  # fmt: skip


class Cloud(ThreadingHTTPServer):
    """Plays Lambda; `hold` keeps it from answering, and `held` says that somebody waits."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.go_on, self.held = threading.Event(), threading.Event()
        self.go_on.set()


class _Handler(BaseHTTPRequestHandler):
    server: Cloud

    def do_GET(self) -> None:
        if not self.server.go_on.is_set():
            self.server.held.set()
            self.server.go_on.wait(60)
        with suppress(BrokenPipeError):  # Who asked was killed meanwhile.
            self.send_response(200)
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    server = Cloud()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def room(tmp_path, cloud) -> Path:
    """A folder with the settings of two feeds."""
    (tmp_path / "lowtide.toml").write_text(
        f"store = '{tmp_path / 'store.duckdb'}'\nport = 0\n"
        "[collect.cadence_s]\nlambda = 2\nrunpod = 2\n"
        f"[collect.lambda]\nbase_url = 'http://127.0.0.1:{cloud.server_address[1]}'\n"
        "[collect.runpod]\nbase_url = 'http://127.0.0.1:9'\n"
    )
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("LOWTIDE_", "RUNPOD_"))}
    return {**own, "LAMBDA_API_KEY": KEY, **more}


def typed(room: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "advisor.cli", *words]
    return subprocess.run(
        command, cwd=room, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def serving(room: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """A service in a process of its own; gives the process, its address and what it said."""
    command = [sys.executable, "-P", "-m", "advisor.cli", "serve", *words]
    with (room / "errors").open("w") as errors:
        process = subprocess.Popen(
            command, cwd=room, env=environment(), stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(2)]
        assert said[0].startswith("listening on http"), (said, (room / "errors").read_text())
        yield process, said[0].split()[-1], said
        if process.poll() is None:
            process.kill()
        process.wait(timeout=30)
        process.stdout.close()


def stands(room: Path, url: str) -> Standing:
    """Every source as `lowtide collect status --json` shows it."""
    done = typed(room, "collect", "status", "--json", "--url", url)
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout + done.stderr
    return {source["source_id"]: source for source in json.loads(done.stdout)["sources"]}


def until(
    room: Path, url: str, met: Callable[[dict[str, dict[str, Any]]], bool]
) -> dict[str, dict[str, Any]]:
    """Ask until the sources stand as wanted."""
    end = time.monotonic() + 60
    while not met(found := stands(room, url)):
        assert time.monotonic() < end, found
        time.sleep(0.2)
    return found


def outcomes(found: Standing) -> dict[str, str]:
    return {name: source["outcome"] for name, source in found.items()}


def test_a_healthy_feed_is_read_one_without_credential_is_skipped_and_a_kill_is_told(room, cloud):
    with serving(room) as (process, url, said):
        assert said[1].startswith("collecting lambda, runpod")
        found = until(room, url, lambda now: now.get("lambda-instance-types", {}).get("rows_new", 0) > 0)
        assert found["lambda-instance-types"]["last_ok_at"]
        assert found["lambda-instance-types"]["next_run_at"]
        found = until(room, url, lambda now: now.get("runpod-gpu-types", {}).get("outcome") == "skipped")
        assert "RUNPOD_API_KEY" in found["runpod-gpu-types"]["trouble"]
        cloud.go_on.clear()  # From here on the feed is slow, so a pass is under way when the kill comes.
        assert cloud.held.wait(30)
        process.kill()
        process.wait(timeout=30)
    with serving(room, "--no-collect") as (process, url, said):
        assert said[1] == "collecting nothing: it is switched off\n"
        found = stands(room, url)
        assert outcomes(found) == {"lambda-instance-types": "interrupted", "runpod-gpu-types": "skipped"}
        assert found["lambda-instance-types"]["rows_new"] >= 3  # What was committed before the kill.
        assert typed(room, "store", "verify", "--url", url).returncode == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    cloud.go_on.set()
    with serving(room) as (process, url, _):
        until(room, url, lambda now: now["lambda-instance-types"]["outcome"] == "ok")


def test_a_stop_during_a_pass_is_clean(room, cloud):
    cloud.go_on.clear()
    with serving(room) as (process, url, _):
        assert cloud.held.wait(30)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        threading.Timer(1.0, cloud.go_on.set).start()  # The answer comes while the service waits for it.
        assert process.wait(timeout=30) == 0
        assert time.monotonic() - began < 20
    assert "Traceback" not in (room / "errors").read_text()
    with serving(room, "--no-collect") as (_, url, _):
        assert outcomes(stands(room, url))["lambda-instance-types"] in ("ok", "interrupted")
        assert typed(room, "store", "verify", "--url", url).returncode == 0


def test_the_verb_reads_a_feed_without_a_service_and_says_what_it_could_not_read(room):
    read = typed(room, "collect", "lambda", "--json")
    assert read.returncode == 0, read.stderr
    assert json.loads(read.stdout)[0]["outcome"] == "ok"
    skipped = typed(room, "collect", "runpod")
    assert skipped.returncode == 4
    assert "RUNPOD_API_KEY" in skipped.stdout
    everything = typed(room, "collect", "all", "--json")
    assert [report["outcome"] for report in json.loads(everything.stdout)[:2]] == ["ok", "skipped"]
    assert everything.returncode == 0
    assert KEY not in read.stdout + skipped.stdout + everything.stdout + everything.stderr


@pytest.mark.parametrize("terminal", [False, True], ids=["piped", "on a terminal"])
def test_a_verb_that_is_stopped_by_hand_does_not_wait_for_the_feed(room, cloud, terminal):
    cloud.go_on.clear()
    command = [sys.executable, "-P", "-m", "advisor.cli", "collect", "lambda"]
    drawn = environment(FORCE_COLOR="1") if terminal else environment()
    process = subprocess.Popen(
        command, cwd=room, env=drawn, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert cloud.held.wait(30)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=15)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert ("reading lambda" in said) == terminal
    done = typed(room, "collect", "status", "--json", "--store", str(room / "store.duckdb"))
    (source, _) = json.loads(done.stdout)["sources"]
    assert source["outcome"] == "interrupted"


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["lamda"], "'lambda'"),
        (["aws", "--since", "2199-01-01"], "future"),
        (["aws", "--since", "yesterday"], "not an instant"),
        (["aws", "--region", "Virginia"], "'Virginia' can be no region of aws"),
        (["lambda", "--region", "us-east-1"], "read whole"),
        (["lambda", "."], "takes no PATH"),
        (["all", "--region", "us-east-1"], "name one feed"),
        (["sheets"], "[collect.sheets]"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(room, words, seen):
    done = typed(room, "collect", *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert seen in done.stderr
    assert "Traceback" not in done.stderr
