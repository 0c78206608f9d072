"""Asking an HTTP feed for JSON, and telling what a refusal means.

The client is handed in with its base URL, so that a test or a mirror stands in for the
provider. An error names the endpoint and never the query, the headers or the body: a
credential may stand in each of them. Numbers keep their digits: JSON decimals become Decimal.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeVar

import httpx

from .base import SourceSkipped, UnreadableSource
from .retry import endpoint, fetch

REFUSED: Final = frozenset({401, 403})  # Statuses that say the credential is missing or may not read this.
MISSHAPEN: Final = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, httpx.InvalidURL)
CHANGED: Final = "Its interface may have changed; compare it with docs/sources.md before collecting it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to ask a busy feed again, and by which clock."""

    budget_s: float = 120.0  # From the first try of a request to the start of its last.
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic


PATIENT: Final = Patience()
Page = TypeVar("Page")


def credential(name: str, environ: Mapping[str, str]) -> str:
    """The value of a credential that is known by its variable's name. It is not kept.

    Raises:
        SourceSkipped: The variable is not set.
    """
    value = environ.get(name, "")
    if not value:
        raise SourceSkipped(
            f"The credential {name} is not set, so this source was not asked.",
            fix=f"Set {name} in the environment of the collector to collect it.",
        )
    return value


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def json_answer(client: httpx.Client, request: httpx.Request, patience: Patience = PATIENT) -> Any:
    """The value of a JSON answer, with fractions as Decimal.

    Raises:
        SourceSkipped: 401 or 403.
        SourceUnavailable: Busy for longer than the patience.
        UnreadableSource: Any other status than 200, or a body that is not JSON.
    """
    return parsed(body_of(client, request, patience), endpoint(request))


def body_of(client: httpx.Client, request: httpx.Request, patience: Patience = PATIENT) -> bytes:
    """The bytes of a 200 answer; raises as `json_answer`."""
    where = endpoint(request)
    try:
        response = fetch(client, request, budget_s=patience.budget_s, sleep=patience.sleep, now=patience.now)
    except httpx.DecodingError:
        raise UnreadableSource(f"{where} answered a body that cannot be unpacked.", fix=CHANGED) from None
    if response.status_code in REFUSED:
        raise SourceSkipped(
            f"{where} answered {response.status_code}: the credential is not accepted, or may not read this.",
            fix="Check the credential named for this source and its read permission.",
        )
    if response.status_code != httpx.codes.OK:
        raise UnreadableSource(f"{where} answered {response.status_code}.", fix=CHANGED)
    return response.content


def parsed(body: bytes, where: str) -> Any:
    """The value of a JSON body.

    Raises:
        UnreadableSource: It is no JSON, or holds NaN or infinity.
    """
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):  # Also where the bytes are no UTF-8.
        raise UnreadableSource(
            f"{where} answered {len(body)} bytes that are not JSON: cut short or damaged.", fix=CHANGED
        ) from None


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number")


class Shaped:
    """Context in which a missing or mistyped field is the feed's fault, told with its endpoint."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, trouble: BaseException | None, _trace: object
    ) -> None:
        if isinstance(trouble, MISSHAPEN):
            detail = f"no {trouble}" if isinstance(trouble, KeyError) else type(trouble).__name__
            raise UnreadableSource(
                f"{self._where} answered data of another shape than documented ({detail}).", fix=CHANGED
            ) from None


def pages(
    first: httpx.Request, read: Callable[[httpx.Request], tuple[Any, httpx.Request | None]]
) -> Iterator[Any]:
    """Follow requests to the end; a request that was made before is refused, or paging never ends.

    Args:
        first: The request of the first page.
        read: Gives a page, and the request of the next one or None at the end.
    """
    asked: set[tuple[str, bytes]] = set()
    request: httpx.Request | None = first
    while request is not None:
        key = (str(request.url), request.content)
        if key in asked:
            raise UnreadableSource(
                f"{endpoint(request)} repeats a page token after {len(asked)} pages: paging would never end.",
                fix="What was read before is kept; collect again later.",
            )
        asked.add(key)
        page, request = read(request)
        yield page


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """True where scheme, host and port agree; a default port need not be written."""
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)
