"""Asks a metadata service over plain HTTP: no proxy, no redirect, a bounded answer in a bounded time.

A machine's own metadata must come from the machine's own host. A proxy named in the environment would answer
for another machine or never, and a redirect leads away. Whatever goes wrong is no answer, and is said once.
"""

from __future__ import annotations

import http.client
import json
import sys
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

ANSWER_WITHIN_S = 2.0
MOST_BYTES = 1 << 16
NOTHING_HERE = (401, 404, 410)  # No token, or no warning: neither is trouble.


class Metadata:
    """Asks one service, and complains once."""

    def __init__(self, url: str) -> None:
        self.url, self._complained = url, False
        self.refused = False  # The last request, for want of a valid token.
        self.headers: dict[str, str] = {}  # Of the last answer, names in lower case.

    def get(
        self,
        path: str,
        headers: dict[str, str],
        *,
        method: str = "GET",
        within_s: float = ANSWER_WITHIN_S,
    ) -> str | None:
        """Return the body; None where the service is absent, answers 404, or with an error."""
        self.refused, self.headers = False, {}
        try:
            status, body = self._ask(method, path, headers, within_s)
        except (OSError, ValueError, http.client.HTTPException) as trouble:
            self.complain(str(trouble) or type(trouble).__name__)
            return None
        self.refused = status == 401
        if status == 200:
            return body.decode("utf-8", "replace")
        if status not in NOTHING_HERE:
            self.complain(f"answers {status}")
        return None

    def _ask(self, method: str, path: str, headers: dict[str, str], within_s: float) -> tuple[int, bytes]:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=within_s)
        try:
            connection.request(method, address.path.rstrip("/") + path, headers=headers)
            answer = connection.getresponse()
            self.headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, answer.read(MOST_BYTES)
        finally:
            connection.close()

    def now(self) -> datetime:
        """Return the time by the service's own clock where it told it with its last answer, else by ours.

        A deadline is in the provider's time; a node whose clock is a minute off would misjudge all of it.
        Headers drop fractions of a second, and it may be all of one.
        """
        told = instant(self.headers.get("date"))
        return datetime.now(UTC) if told is None else told + timedelta(seconds=1)

    def complain(self, seen: str) -> None:
        """Say once that the service is of no use."""
        if not self._complained:
            self._complained = True
            print(f"lowtide-run: notices cannot be heard from {self.url}: {seen}", file=sys.stderr)

    def read(self, body: str | None) -> Any:
        """Return the JSON in a body, None where it is none."""
        try:
            return None if body is None else json.loads(body)
        except (ValueError, RecursionError):
            self.complain(f"answers {body!r:.60}")
            return None


def instant(text: object) -> datetime | None:
    """Return the time a service names, in ISO 8601 or as in e-mail; None where it names none."""
    if not isinstance(text, str) or not text:
        return None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text)
        except (ValueError, TypeError, OverflowError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None
