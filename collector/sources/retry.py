"""Asking a busy feed again: exponential backoff inside a budget of seconds.

A call says by raising `Again` that it may be repeated; anything else it raises goes straight
through. Clock and sleep are handed in, so that a test of an hour's patience takes no time.
boto3 has its own retries and does not come here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

import httpx

from .base import SourceUnavailable

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})  # Statuses that promise to pass.

T = TypeVar("T")


class Again(Exception):
    """The feed could not answer now.

    Args:
        seen: What it said, with the endpoint and without any credential.
        after_s: Seconds it asked us to stay away; None where it did not say.
    """

    def __init__(self, seen: str, *, after_s: float | None = None) -> None:
        super().__init__(seen)
        self.seen = seen
        self.after_s = after_s


def with_retries(
    call: Callable[[], T], *, budget_s: float, sleep: Callable[[float], None], now: Callable[[], float]
) -> T:
    """What `call` returns, asked again after 1, 2, 4… s, or as late as the feed wishes.

    Args:
        call: Raises `Again` where another try may help.
        budget_s: Seconds from the first try to the start of the last one.
        sleep: Waits that many seconds; `time.sleep` outside tests.
        now: Seconds on a clock that never goes back; `time.monotonic` outside tests.

    Raises:
        SourceUnavailable: The next try would start after the budget.
    """
    began_s, pause_s, tries = now(), FIRST_PAUSE_S, 0
    while True:
        tries += 1
        try:
            return call()
        except Again as busy:
            wait_s = pause_s if busy.after_s is None else max(busy.after_s, 0.0)
            if now() - began_s + wait_s > budget_s:
                raise SourceUnavailable(
                    f"{busy.seen}; asked {tries} times in {now() - began_s:.0f} s, and the next try would "
                    f"come after the budget of {budget_s:g} s.",
                    fix="What was read before is kept; collect again later.",
                ) from None
        sleep(wait_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def fetch(
    client: httpx.Client,
    request: httpx.Request,
    *,
    budget_s: float,
    sleep: Callable[[float], None],
    now: Callable[[], float],
) -> httpx.Response:
    """Send a request until it is answered; 429, 5xx, time-outs and lost connections are repeated.

    Returns:
        The answer, read whole, with any status that is not worth repeating: the caller
        judges 304, 401 or 404.

    Raises:
        SourceUnavailable: No such answer came within the budget.
    """
    return with_retries(lambda: _send(client, request), budget_s=budget_s, sleep=sleep, now=now)


def endpoint(request: httpx.Request) -> str:
    """Method, host and path of a request: what an error may name. Keys may stand in the rest."""
    return f"{request.method} {request.url.host}{request.url.path}"


def _send(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """One try."""
    try:
        response = client.send(request)
    except httpx.TransportError as lost:
        raise Again(f"{endpoint(request)} could not be reached ({type(lost).__name__})") from None
    if response.status_code in BUSY:
        after_s = retry_after_s(response.headers.get("Retry-After"), datetime.now(UTC))
        raise Again(f"{endpoint(request)} answered {response.status_code}", after_s=after_s)
    return response


def retry_after_s(header: str | None, at: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, in either of its forms; None where it says nothing."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        return max((parsedate_to_datetime(header) - at).total_seconds(), 0.0)
    except (ValueError, TypeError):  # A date without a zone cannot be compared.
        return None
