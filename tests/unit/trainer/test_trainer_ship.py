"""Run events reach the service when it is there, and wait on disk when it is not."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from trainer.runlog import RunLog, ServiceUnreachable, Shipper, ship_spool

PATIENCE_S = 20


class FakeService(HTTPServer):
    """Takes run events like the service: idempotently, by sequence number. `status` makes it fail."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events, self.paths, self.tokens, self.status = {}, [], [], 200
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.paths.append(self.path)
        self.server.tokens.append(self.headers.get("Authorization"))
        if self.server.status == 200:
            self.server.events |= {event["seq"]: event for event in body["events"]}
        answer = json.dumps({"accepted": len(body["events"]), "duplicates": 0, "rejected": []}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def service():
    server = FakeService()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def log(tmp_path):
    return RunLog(tmp_path, "run/1", 1, "0")


def write(log, count):
    for step in range(1, count + 1):
        log.write("step", step=step, seconds=0.1, loss=1.0, tokens=1)


def eventually(condition):
    until = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


def test_a_whole_spool_is_sent_in_batches_to_its_own_run(service, log):
    write(log, 1201)
    assert ship_spool(log.path, service.url, "secret") == 1201
    assert sorted(service.events) == list(range(1, 1202))
    assert service.paths == ["/v1/runs/run%2F1/events"] * 3  # 500 + 500 + 201.
    assert set(service.tokens) == {"Bearer secret"}


def test_events_follow_while_training_goes_on(service, log):
    with Shipper(service.url, None, log.path, every_s=0.01):
        write(log, 3)
        assert eventually(lambda: len(service.events) == 3)
    assert service.tokens[0] is None


def test_the_last_events_are_sent_on_the_way_out(service, log):
    with Shipper(service.url, None, log.path, every_s=60):
        write(log, 3)
    assert len(service.events) == 3


def test_an_outage_loses_nothing_and_stops_nobody(service, log, capsys):
    service.status = 503
    with Shipper(service.url, None, log.path, every_s=0.01) as shipper:
        write(log, 2)
        assert eventually(lambda: shipper.complaint is not None)
        service.status = 200
        assert eventually(lambda: len(service.events) == 2)
    assert capsys.readouterr().err.count("run events wait on disk") == 1


def test_a_launcher_that_cannot_send_is_told_so(log):
    write(log, 1)
    with pytest.raises(ServiceUnreachable, match="did not answer"):
        ship_spool(log.path, "http://127.0.0.1:9", None)
