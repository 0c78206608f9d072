"""A real HTTP server on this machine that plays a provider's JSON interface, and a clock that jumps.

A provider's fake gives `Rules`: which methods, paths, query and body parameters its documents
name. A request outside the rules is answered 400 and noted in `broken`, and closing the
fake with a note there fails the test.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from collector.sources.web import Patience


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What the fake answers; `body` is sent as JSON unless it is bytes."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def sent(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


BUSY = Reply({"error": {"code": 429, "message": "busy"}}, status=429, headers={"Retry-After": "1"})
DOWN = Reply(b"<html>upstream</html>", status=503)
CUT_SHORT = Reply(b'{"data": [{"name": "gp')


class RuleBroken(Exception):
    """A request that the provider's documents do not allow."""


Answer = Callable[[Asked], Reply]


class Fake(ThreadingHTTPServer):
    """The server; `answer` plays the provider."""

    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.asked: list[Asked] = []
        self.broken: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Fake
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        asked = Asked(self.command, url.path, query, dict(self.headers), body)
        self.server.asked.append(asked)
        try:
            reply = self.server.answer(asked)
        except RuleBroken as broken:
            self.server.broken.append(str(broken))
            reply = Reply({"error": {"code": 400, "message": str(broken)}}, status=400)
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.sent)))
        self.end_headers()
        self.wfile.write(reply.sent)

    do_GET = do_POST = _handle

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(answer: Answer) -> Iterator[Fake]:
    """Run the fake; a broken rule fails the test at the end."""
    fake = Fake(answer)
    thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.shutdown()
        fake.server_close()
        thread.join()
    assert fake.broken == []


def scripted(good: Answer, scenario: str, *, good_before_busy: int = 0) -> Answer:
    """Wrap a provider that answers well into one of the scenarios of `conformance`."""
    count = 0

    def answer(asked: Asked) -> Reply:
        nonlocal count
        count += 1
        reply = good(asked)  # Always asked, so that its rules are checked.
        if scenario == "busy_once" and count == 1:
            return BUSY
        if scenario == "busy" and count > good_before_busy:
            return DOWN if count % 2 else BUSY
        if scenario == "malformed":
            return CUT_SHORT
        if scenario == "denied":
            return Reply({"error": {"message": "who are you?"}}, status=401)
        return reply

    return answer


def patience(budget_s: float = 5.0) -> Patience:
    """Patience on a clock that only moves when somebody sleeps."""
    at_s = 0.0

    def sleep(seconds: float) -> None:
        nonlocal at_s
        at_s += seconds

    return Patience(budget_s=budget_s, sleep=sleep, now=lambda: at_s)


def need(condition: object, rule: str) -> None:
    """Break the rule unless the condition holds."""
    if not condition:
        raise RuleBroken(rule)
