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
    from urllib.request import Request, urlopen  # Late: 30 ms that readers of plans need not pay.

    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, data=data, headers=headers), timeout=timeout_s) as answer:
            value = json.loads(answer.read())
    except (OSError, ValueError) as trouble:  # HTTPError and URLError are OSErrors.
        raise ServiceUnreachable(f"{url} did not answer: {trouble}.", fix="Look at the service.") from None
    if not isinstance(value, dict):
        raise ServiceUnreachable(f"{url} answered with no JSON object.", fix="Check plan.service.url.")
    return value
