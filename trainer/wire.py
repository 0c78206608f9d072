"""JSON over HTTP to the service, standard library only.

Every trouble is one error, `ServiceUnreachable`: the caller goes on without the service and
tries again later. Nothing here retries, and nothing here knows a route.
"""

from __future__ import annotations

import json
from typing import Any

from .errors import ServiceUnreachable


def ask(
    url: str, *, token: str | None, body: dict[str, Any] | None = None, timeout_s: float = 10
) -> dict[str, Any]:
    """GET `url`, or POST `body` to it, and return the JSON object of the answer.

    Raises:
        ServiceUnreachable: No answer in time, an error status, or no JSON object.
    """
    from http.client import HTTPException  # Late: 30 ms that readers of plans need not pay.
    from urllib.request import Request, urlopen

    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        asked = Request(url, data=data, headers=headers)
        if token and not token.strip().isprintable():
            raise ValueError("the token holds characters that no header may hold")
        if token:
            asked.add_unredirected_header("Authorization", f"Bearer {token.strip()}")
        with urlopen(asked, timeout=timeout_s) as answer:
            value = json.loads(answer.read())
    except (OSError, ValueError, HTTPException, RecursionError) as trouble:  # HTTPError is an OSError.
        raise ServiceUnreachable(f"{url} did not answer: {trouble}.", fix="Look at the service.") from None
    if not isinstance(value, dict):
        raise ServiceUnreachable(f"{url} answered with no JSON object.", fix="Check plan.service.url.")
    return value
