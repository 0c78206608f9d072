"""A proxy in front of a served S3 that spoils requests and answers the way networks and services do."""

from __future__ import annotations

import http.client
import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FAULTS = ("500", "503", "reset", "lost", "409", "drip", "truncated", "expired", "empty_list")
RANDOM_FAULTS = ("500", "503", "reset", "lost", "409", "drip", "truncated")
ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>injected</Message></Error>"
EMPTY = (
    "<?xml version='1.0'?><ListBucketResult><Name>b</Name><KeyCount>0</KeyCount>"
    "<IsTruncated>false</IsTruncated></ListBucketResult>"
)


class FaultyProxy:
    """Forwards to `target`, except where a fault is due: `queue` first, then at random by `share`."""

    def __init__(self, target: str, *, seed: int = 0, share: float = 0.0) -> None:
        self._target = urlsplit(target).netloc
        self._chance, self.share = random.Random(seed), share
        self.queue: list[tuple[str, str]] = []  # (fault, pattern of "METHOD path" it waits for)
        self.valid_tokens: set[str] | None = None  # Requests with another session token have expired.
        self.forbidden: str | None = None  # Pattern of requests answered by 403.
        self.injected: Counter[str] = Counter()
        self.seen: list[str] = []
        self.held: str | None = None  # Pattern of requests that are answered when it is None again.
        self.read_bytes: Counter[str] = Counter()  # Of the objects asked for, by path.
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault_for(self, request: str, token: str | None) -> str | None:
        """Return the fault that strikes a request, and count it."""
        with self._lock:
            self.seen.append(request)
            fault = self._choose(request, token)
            if fault is not None:
                self.injected[fault] += 1
            return fault

    def _choose(self, request: str, token: str | None) -> str | None:
        if self.valid_tokens is not None and token not in self.valid_tokens:
            return "expired"
        if self.forbidden is not None and re.search(self.forbidden, request):
            return "403"
        for number, (fault, pattern) in enumerate(self.queue):
            if re.search(pattern, request):
                del self.queue[number]
                return fault
        if self._chance.random() >= self.share:
            return None
        fault = self._chance.choice(RANDOM_FAULTS)
        return None if fault == "409" and not request.startswith("PUT") else fault

    def _handler(proxy) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _pass(self):
                request = f"{self.command} {self.path}"
                fault = proxy.fault_for(request, self.headers.get("x-amz-security-token"))
                size = int(self.headers.get("Content-Length") or 0)
                if fault == "reset":
                    self.rfile.read(size // 2)
                    return self._reset()
                body = self.rfile.read(size)
                if fault in ("500", "503", "409", "403"):
                    words = {"500": "InternalError", "503": "SlowDown", "409": "ConditionalRequestConflict"}
                    text = ERROR.format(words.get(fault, "AccessDenied"))
                    return self._answer(int(fault), {}, text.encode())
                if fault == "expired":
                    return self._answer(400, {}, ERROR.format("ExpiredToken").encode())
                if fault == "empty_list":
                    return self._answer(200, {"Content-Type": "application/xml"}, EMPTY.encode())
                while proxy.held is not None and re.search(proxy.held, request):
                    time.sleep(0.02)
                status, headers, content = self._forward(body)
                if self.command == "GET":
                    proxy.read_bytes[urlsplit(self.path).path] += len(content)
                if fault == "lost":
                    return self._reset()
                return self._answer(status, headers, content, fault)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass

            def _forward(self, body):
                connection = http.client.HTTPConnection(proxy._target, timeout=30)
                headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                content = answer.read()
                kept = {
                    k: v for k, v in answer.getheaders() if k.lower() not in ("connection", "date", "server")
                }
                connection.close()
                return answer.status, kept, content

            def _answer(self, status, headers, content, fault=None):
                headers = {k: v for k, v in headers.items() if k.lower() != "transfer-encoding"}
                if "content-length" not in {k.lower() for k in headers}:
                    headers["Content-Length"] = str(len(content))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if fault == "truncated" and len(content) > 1:
                    self.wfile.write(content[: len(content) // 2])
                    return self._reset()
                if fault == "drip":
                    for start in range(min(len(content), 20)):
                        self.wfile.write(content[start : start + 1])
                        self.wfile.flush()
                        time.sleep(0.005)
                    content = content[20:]
                self.wfile.write(content)
                return None

            def _reset(self):
                """Close so that the other side sees a reset, not an end."""
                self.wfile.flush()
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True

        return Handler
