"""The client's refusals keep their exit codes; the service says where it answers, and stops clean."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from advisor.client import Client, ServiceProblem, ServiceUnreachable
from advisor.serving import open_service, run_server, utc_now
from advisor.settings import Settings, load_settings
from collector.database import StoreLocked
from collector.store import Store
from model.errors import EnvironmentTrouble, ImpossibleInput

SERVE = (
    "from advisor.serving import serve; from advisor.settings import load_settings; serve(load_settings())"
)


def answering(status: int, body: dict[str, object] | str) -> Client:
    text = body if isinstance(body, str) else json.dumps(body)
    transport = httpx.MockTransport(lambda _: httpx.Response(status, text=text))
    return Client("http://service", http=httpx.Client(transport=transport))


def problem(slug: str, status: int) -> dict[str, object]:
    kind = f"urn:lowtide:problem:{slug}"
    return {"type": kind, "title": "T", "status": status, "detail": "Seen.", "fix": "Do."}


@pytest.mark.parametrize(
    ("slug", "status", "code"),
    [
        ("impossible-input", 422, 2),
        ("not-found", 404, 2),
        ("unreadable-source", 422, 2),
        ("insufficient-history", 409, 3),
        ("environment", 503, 4),
        ("unauthenticated", 401, 4),
        ("check-failed", 409, 5),
        ("internal", 500, 1),
    ],
)
def test_a_refusal_keeps_its_sentence_its_step_and_its_exit_code(slug, status, code):
    with pytest.raises(ServiceProblem) as refusal:
        answering(status, problem(slug, status)).status()
    assert (refusal.value.seen, refusal.value.fix, refusal.value.exit_code) == ("Seen.", "Do.", code)


def test_an_answer_that_is_no_problem_of_ours_is_trouble_of_the_environment():
    with pytest.raises(ServiceProblem, match="no problem of ours") as refusal:
        answering(502, "<html>Bad gateway</html>").status()
    assert refusal.value.exit_code == 4


def test_a_service_that_is_not_there_is_named_with_what_to_type():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}", timeout_s=2) as client:
        with pytest.raises(ServiceUnreachable, match="lowtide serve"):
            client.status()
        assert client.ready() is False


def test_a_pool_key_travels_whole():
    seen = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.decode())
        return httpx.Response(200, json={})

    client = Client("http://service/", http=httpx.Client(transport=httpx.MockTransport(note)))
    client.prices("aws/us-east-1/name:us-east-1a/p3.2xlarge/spot", from_at="2023-02-01T00:00:00Z")
    assert seen == [
        "/v1/pools/aws/us-east-1/name:us-east-1a/p3.2xlarge/spot/prices?from_at=2023-02-01T00%3A00%3A00Z"
    ]


def test_a_taken_port_is_said_before_the_store_is_touched(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(store=str(tmp_path / "s.duckdb"), port=taken.getsockname()[1])
        with pytest.raises(EnvironmentTrouble, match="cannot be listened on"):
            run_server(settings, announce=print)
    assert not (tmp_path / "s.duckdb").exists()


def test_off_loopback_without_keys_it_does_not_start(tmp_path):
    with pytest.raises(ImpossibleInput, match="without keys"):
        run_server(Settings(store=str(tmp_path / "s.duckdb"), host="0.0.0.0", port=0), announce=print)


def test_it_says_where_it_answers_keeps_the_store_to_itself_and_stops_on_sigterm(tmp_path):
    environment = {**os.environ, "LOWTIDE_STORE": str(tmp_path / "s.duckdb"), "LOWTIDE_PORT": "0"}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:")
        with Client(line.split()[-1]) as client:
            assert client.status()["store"] == str(tmp_path / "s.duckdb")
            with pytest.raises(StoreLocked, match=str(process.pid)):
                Store.open(tmp_path / "s.duckdb", clock=utc_now)
    finally:
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        process.wait(timeout=30)
    assert process.returncode in (0, -signal.SIGTERM)
    assert time.monotonic() - began < 30


def test_a_foreign_server_that_answers_with_a_page_is_no_service_of_ours():
    page = httpx.MockTransport(lambda _: httpx.Response(200, html="<h1>It works!</h1>"))
    with (
        Client("http://127.0.0.1:1", http=httpx.Client(transport=page)) as client,
        pytest.raises(ServiceProblem, match="no problem of ours"),
    ):
        client.status()


def test_a_bad_tariff_file_is_refused_before_the_store_is_opened(tmp_path):
    own, store = tmp_path / "mine.toml", tmp_path / "store.duckdb"
    own.write_text("[notice.aws]\nvalue = 60\n")
    with (
        pytest.raises(ImpossibleInput, match=r"mine\.toml line 1 has unit = None"),
        open_service(store, tariffs=str(own)),
    ):
        pass
    assert not store.exists()


def test_the_setting_names_the_tariff_file(tmp_path, monkeypatch):
    monkeypatch.setenv("LOWTIDE_TARIFFS", str(tmp_path / "mine.toml"))
    assert load_settings().tariffs == str(tmp_path / "mine.toml")
    monkeypatch.delenv("LOWTIDE_TARIFFS")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lowtide.toml").write_text('tariffs = "ours.toml"\n')
    assert load_settings().tariffs == "ours.toml"
