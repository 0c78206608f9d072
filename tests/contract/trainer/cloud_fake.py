"""Just enough of Google's XML API and Azure's Blob API to see that conditions are asked for as documented."""

from __future__ import annotations

import hashlib
import re
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class CloudFake:
    """Objects by path with a generation each; answers like `cloud`: "gs" or "az"."""

    def __init__(self, cloud: str) -> None:
        self.cloud, self.objects, self.seen = cloud, {}, []
        self.delete_status: str | None = None  # What each deletion is answered, whatever it names.
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def refused(self, headers, held):
        """Return the status a PUT is refused with, None where its condition holds."""
        if self.cloud == "gs":
            wanted = headers.get("x-goog-if-generation-match")
            return None if wanted is None or int(wanted) == (held[1] if held else 0) else 412
        if headers.get("If-None-Match") == "*":
            return 409 if held else None
        wanted = headers.get("If-Match")
        return None if wanted is None or (held and wanted == _etag(held)) else 412

    def _handler(fake):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_PUT(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.partition("?")[0]
                held = fake.objects.get(path)
                fake.seen.append(("PUT", dict(self.headers)))
                status = fake.refused(self.headers, held)
                if status is None:
                    held = fake.objects[path] = (body, (held[1] if held else 0) + 1)
                    status = 200 if fake.cloud == "gs" else 201
                self._answer(status, held, b"")

            def do_GET(self):
                held = fake.objects.get(self.path.partition("?")[0])
                if held is None:
                    return self._answer(404, None, b"")
                asked = re.match(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
                if asked is None:
                    return self._answer(200, held, held[0])
                start, end = int(asked[1]), min(int(asked[2]) + 1, len(held[0]))
                if start >= len(held[0]):
                    return self._answer(416, None, b"")
                words = {"Content-Range": f"bytes {start}-{end - 1}/{len(held[0])}"}
                return self._answer(206, held, held[0][start:end], words)

            def do_HEAD(self):
                held = fake.objects.get(self.path.partition("?")[0])
                self._answer(200 if held else 404, held, held[0] if held else b"")

            def do_DELETE(self):
                if fake.delete_status is not None:
                    return self._answer(int(fake.delete_status[:3]), None, b"")
                held = fake.objects.pop(self.path.partition("?")[0], None)
                return self._answer(404 if held is None else 204 if fake.cloud == "gs" else 202, None, b"")

            def do_POST(self):
                """Azure's batch of deletions."""
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                parts = []
                for number, path in enumerate(re.findall(r"DELETE (\S+) HTTP", body)):
                    held = fake.objects.pop(path.partition("?")[0], None)
                    status = fake.delete_status or (
                        "202 Accepted" if held else "404 The blob does not exist."
                    )
                    head = f"--b\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\n"
                    parts.append(f"{head}HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
                words = {"Content-Type": "multipart/mixed; boundary=b"}
                self._answer(202, None, ("".join(parts) + "--b--\r\n").encode(), words)

            def _answer(self, status, held, content, more=None):
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Last-Modified", formatdate(usegmt=True))
                if held is not None:
                    self.send_header("ETag", _etag(held))
                    self.send_header("x-goog-generation", str(held[1]))
                    self.send_header("x-ms-blob-type", "BlockBlob")
                for name, value in (more or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

        return Handler


def _etag(held) -> str:
    return f'"{hashlib.md5(held[0], usedforsecurity=False).hexdigest()}-{held[1]}"'
