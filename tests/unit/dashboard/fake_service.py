"""A service that speaks the contract's JSON and knows four worlds; standard library only.

Worlds: `full` (two runs, five ranked pools), `synthetic` (the same, marked so), `empty` (no
sources, no runs), `broken` (every answer is a problem). Started as a script, it prints its
address and serves until killed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

RECORDED = Path(__file__).parent / "recorded"
RECOMMENDATION = "rec-00000000000000a1"
HEAD = ("run_id", "name", "state", "recommendation_id", "opened_at", "clock", "attempt", "pool_id")


def recorded(name: str) -> dict[str, Any]:
    """Return a hand-written answer."""
    content: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return content


def problem(status: int, detail: str, fix: str) -> tuple[int, dict[str, Any]]:
    return status, {
        "type": "urn:lowtide:problem:test", "title": "No", "status": status, "detail": detail, "fix": fix,
    }  # fmt: skip


class World:
    """What one fake service answers, by method and path."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[Any] = []  # Bodies posted, for tests to look at.
        self.instead: dict[str, Any] = {}  # Path -> an answer of the test's own.

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if self.name == "broken":
            return problem(503, "The store's disk is full (0 B free).", "Free 1 GB, then ask again.")
        if method == "POST" and path == "/v1/recommendations":
            return self._recommend(body)
        found = self.instead.get(path) or self._documents().get(path)
        return (200, found) if found else problem(404, f"There is no {path} here.", "See GET /v1/runs.")

    def _recommend(self, body: Any) -> tuple[int, Any]:
        self.asked.append(body)
        if "H100-80GB" in body["spec"]["job"]["throughput"]:
            return problem(
                409, "No pool with H100-80GB can be ranked.", "Collect its history, or name another GPU."
            )
        return 201, self._marked(recorded("recommendation"))

    def _documents(self) -> dict[str, Any]:
        envelope = {
            "as_of": "2024-03-01T12:00:00Z",
            "age_s": 5400.0,
            "sources": ["spot-traces"],
            "synthetic": False,
        }
        if self.name == "empty":
            nothing = {**envelope, "age_s": None, "sources": []}
            return {
                "/v1/status": {**nothing, "version": "0.1.0", "rows": 0, "span": None},
                "/v1/quality": nothing,
                "/v1/pools": {**nothing, "pools": []},
                "/v1/runs": {**nothing, "runs": []},
            }
        done, live = (self._marked(recorded(name)) for name in ("run_done", "run_live"))
        heads = [{field: run[field] for field in HEAD} for run in (done, live)]
        pools = [{"gpu_model": "V100-16GB"}, {"gpu_model": "A100-80GB"}, {"gpu_model": "H100-80GB"}]
        ranking = self._marked(recorded("recommendation"))
        return {
            "/v1/status": self._marked({**envelope, "version": "0.1.0", "rows": 41_000, "span": None}),
            "/v1/quality": self._marked({**envelope, "sources": recorded("sources")}),
            "/v1/pools": {**envelope, "pools": pools},
            "/v1/runs": {**envelope, "runs": heads},
            f"/v1/runs/{done['run_id']}": done,
            f"/v1/runs/{live['run_id']}": live,
            f"/v1/recommendations/{RECOMMENDATION}": ranking,
        }

    def _marked(self, answer: dict[str, Any]) -> dict[str, Any]:
        return {**answer, "synthetic": True} if self.name == "synthetic" else answer


@contextmanager
def serving(name: str) -> Iterator[tuple[str, World]]:
    """Serve a world on a free loopback port; yield its address and the world."""
    world = World(name)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(world))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(world: World) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(*world.answer("GET", self.path.split("?")[0], None))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._reply(*world.answer("POST", self.path.split("?")[0], body))

        def log_message(self, *_: Any) -> None:
            """Say nothing: a test's output is for its own words."""

        def _reply(self, status: int, answer: Any) -> None:
            raw = json.dumps(answer).encode()
            kind = "application/json" if status < 400 else "application/problem+json"
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    return Handler


if __name__ == "__main__":
    with serving(sys.argv[1]) as (address, _):
        print(address, flush=True)
        sys.stdin.read()  # Until the parent closes the pipe.
