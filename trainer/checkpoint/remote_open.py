"""Opens buckets through obstore: one place that knows what each cloud's address and options look like.

What is not passed comes from the environment, as each cloud's own tools have it: AWS_…, GOOGLE_…, AZURE_….
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from obstore.store import AzureStore, GCSStore, MemoryStore, S3Store

from .stores import BadStoreUrl

Credentials = Callable[[], Mapping[str, Any]]
"""Returns what obstore takes as the cloud's credential, with `expires_at` (aware, or None for never)."""

RENEW_S = 300.0
CONNECT_S, REQUEST_S = 10.0, 120.0
_memory: dict[str, Any] = {}


class Renewed:
    """Short-lived credentials, asked for anew shortly before they expire, or as soon as one was refused."""

    def __init__(self, source: Credentials, *, renew_s: float = RENEW_S) -> None:
        self._source, self._renew = source, timedelta(seconds=renew_s)
        self._held: Mapping[str, Any] | None = None
        self._lock = threading.Lock()

    def __call__(self) -> dict[str, Any]:
        """Return credentials that hold, and let the asker keep them for no longer than this request."""
        with self._lock:
            if self._held is None or self._is_due(self._held):
                self._held = self._source()
            return {**self._held, "expires_at": datetime.now(UTC)}

    def _is_due(self, held: Mapping[str, Any]) -> bool:
        expires_at: datetime | None = held.get("expires_at")
        return expires_at is not None and datetime.now(UTC) + self._renew >= expires_at

    def forget(self) -> None:
        """Ask for new ones next time: these were refused."""
        with self._lock:
            self._held = None


def open_raw(
    url: str,
    *,
    credentials: Renewed | None,
    retries: int,
    patience_s: float,
    options: Mapping[str, Any],
) -> Any:
    """Return obstore's store at an address.

    Args:
        retries: By obstore itself, of the same request.
        options: Of the cloud's store as obstore names them: `endpoint`, `region`, `account_name`, …

    Raises:
        BadStoreUrl: There is no bucket in it, or an option is unknown or missing.
    """
    parts = urlsplit(url)
    bucket, prefix = parts.netloc, parts.path.strip("/") or None
    if parts.scheme == "memory":
        return _memory.setdefault(url.rstrip("/"), MemoryStore())
    if not bucket:
        raise BadStoreUrl(f"{url} names no bucket.", fix=f"Write {parts.scheme}://BUCKET/FOLDER.")
    common: dict[str, Any] = {
        "prefix": prefix,
        "client_options": _client(options, patience_s),
        "retry_config": {
            "max_retries": retries,
            "retry_timeout": timedelta(seconds=patience_s),
            "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5)},
        },
        **{name: value for name, value in options.items() if name != "client_options"},
    }
    if credentials is not None:
        common["credential_provider"] = credentials
    try:
        if parts.scheme == "s3":
            return S3Store(bucket, **{"checksum_algorithm": "sha256", "disable_bulk_delete": True, **common})
        return GCSStore(bucket, **common) if parts.scheme == "gs" else AzureStore(bucket, **common)
    except Exception as wrong:  # obstore raises a type of its own for each.
        raise BadStoreUrl(
            f"{url} cannot be opened: {wrong}.", fix="See docs/checkpoints.md, Stores."
        ) from None


def _client(options: Mapping[str, Any], patience_s: float) -> dict[str, Any]:
    """Return HTTP options; plain HTTP is allowed where the endpoint asks for it, as a test server's does."""
    request_s = min(REQUEST_S, patience_s)
    endpoint = str(options.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL") or "")
    return {
        "connect_timeout": timedelta(seconds=min(CONNECT_S, request_s)),
        "timeout": timedelta(seconds=request_s),
        "allow_http": endpoint.startswith("http://"),
        **options.get("client_options", {}),
    }
