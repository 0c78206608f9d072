"""The service as methods, one per route: thin, synchronous, dictionaries in and out.

The pages, the command and the launcher all come through here. A refusal of the service keeps
its sentence, its next step and its exit code; a service that does not answer is trouble of
the environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from model.errors import EnvironmentTrouble, LowtideError

from .client_quality import QualityCalls
from .client_runs import RunCalls, When, part, written

EXIT_CODES = {
    "impossible-input": 2, "not-found": 2, "conflict": 2, "bad-body": 2, "too-large": 2,
    "insufficient-history": 3, "check-failed": 5, "internal": 1,
}  # fmt: skip
ENVIRONMENT = 4  # Everything else: keys, locks, disks.


class ServiceUnreachable(EnvironmentTrouble):
    """Nothing answers at the address, or not in time."""


class ServiceProblem(LowtideError):
    """The service refused; sentence, next step and exit code are its own."""

    def __init__(self, seen: str, *, fix: str, slug: str, status: int) -> None:
        super().__init__(seen, fix=fix)
        self.slug = slug
        self.status = status
        self.exit_code = 2 if status in (400, 404, 405, 413, 422) else EXIT_CODES.get(slug, ENVIRONMENT)


class Client(RunCalls, QualityCalls):
    """A service at an address.

    Args:
        base_url: Such as http://127.0.0.1:8787.
        token: The key to send, where the service has keys.
        timeout_s: How long an answer may take.
        http: A transport to use instead of the network, for a service in this process.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        timeout_s: float = 60.0,
        http: httpx.Client | None = None,
    ) -> None:
        self.base_url, self.token = base_url.rstrip("/"), token
        self._http = http or httpx.Client(timeout=timeout_s, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def recommend(
        self,
        spec: Any,
        *,
        as_of: When = None,
        seed: int = 0,
        window_hours: float = 720.0,
        draws: int = 4000,
        pools: Sequence[str] = (),
        simulate: bool = True,
    ) -> dict[str, Any]:
        """Rank pools for a job; `spec` is a `JobSpec` or the same as a dictionary.

        Where pools are too many to estimate each, those named in `pools` are estimated in any case.
        Without `simulate` the best options keep their closed form, and the answer comes at once.
        """
        job = spec if isinstance(spec, dict) else spec.model_dump(mode="json")
        body = {
            "spec": job,
            "as_of": written(as_of),
            "seed": seed,
            "window_hours": window_hours,
            "draws": draws,
            **({"pools": list(pools)} if pools else {}),
            **({} if simulate else {"simulate": False}),
        }
        return self._post("/v1/recommendations", body)

    def recommendation(self, recommendation_id: str) -> dict[str, Any]:
        """Return a stored recommendation."""
        return self._get(f"/v1/recommendations/{part(recommendation_id)}")

    def recommendation_bytes(self, recommendation_id: str) -> bytes:
        """Return a stored recommendation as the bytes its digest is of."""
        return self._ask("GET", f"/v1/recommendations/{part(recommendation_id)}").content

    def pools(self, *, as_of: When = None, window_hours: float = 720.0) -> dict[str, Any]:
        """Return every pool."""
        return self._get("/v1/pools", as_of=as_of, window_hours=window_hours)

    def pool(self, key: str, *, as_of: When = None, window_hours: float = 720.0) -> dict[str, Any]:
        """Return one pool."""
        return self._get(f"/v1/pools/{_key(key)}", as_of=as_of, window_hours=window_hours)

    def prices(
        self, key: str, *, from_at: When = None, until_at: When = None, as_of: When = None
    ) -> dict[str, Any]:
        """Return a pool's price steps."""
        return self._get(f"/v1/pools/{_key(key)}/prices", from_at=from_at, until_at=until_at, as_of=as_of)

    def probes(
        self, key: str, *, from_at: When = None, until_at: When = None, as_of: When = None
    ) -> dict[str, Any]:
        """Return a pool's probes."""
        return self._get(f"/v1/pools/{_key(key)}/probes", from_at=from_at, until_at=until_at, as_of=as_of)

    def collect(
        self,
        source: str,
        *,
        path: str | None = None,
        seed: int = 0,
        available_means: int = 1,
        since: When = None,
        regions: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """Have the service read a source once; reports of what it read."""
        body = {
            "source": source, "path": path, "seed": seed, "available_means": available_means,
            "since": written(since), "regions": list(regions),
        }  # fmt: skip
        found = self._ask("POST", "/v1/collect", body, timeout=None)
        reports: list[dict[str, Any]] = found.json()
        return reports

    def collect_status(self) -> dict[str, Any]:
        """Return how every live source stands."""
        return self._get("/v1/collect/status")

    def collect_progress(self) -> dict[str, Any]:
        """Return what is being read at this moment."""
        return self._get("/v1/collect/progress")

    def snapshot(self, path: str) -> dict[str, Any]:
        """Have the service write a copy of its store to a new file on its machine."""
        found: dict[str, Any] = self._ask("POST", "/v1/store/snapshot", {"path": path}, timeout=None).json()
        return found

    def backup(self, path: str) -> dict[str, Any]:
        """Have the service write a backup of its store to a new file on its machine."""
        found: dict[str, Any] = self._ask("POST", "/v1/store/backup", {"path": path}, timeout=None).json()
        return found

    def verification(self) -> dict[str, Any]:
        """Return which of its own rules the store breaks."""
        return self._get("/v1/store/verification")

    def listings(self, *, since: When = None, as_of: When = None) -> dict[str, Any]:
        """Return the machines first seen in a region from `since` on."""
        return self._get("/v1/listings", since=since, as_of=as_of)

    def overheads(self, *, as_of: When = None) -> dict[str, Any]:
        """Return what runs measured of themselves, per machine."""
        return self._get("/v1/overheads", as_of=as_of)

    def status(self) -> dict[str, Any]:
        """Return version, span and rows."""
        return self._get("/v1/status")

    def ready(self) -> bool:
        """Return whether the service answers and its store does."""
        try:
            self._get("/readyz")
        except LowtideError:
            return False
        return True

    def date(self) -> str:
        """Return what time it is for the service, as its Date header says; empty where it has none."""
        return str(self._ask("GET", "/livez").headers.get("date", ""))

    def metrics(self) -> str:
        """Return the counters as Prometheus reads them."""
        return self._ask("GET", "/metrics").text

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        asked = {name: written(value) for name, value in query.items() if value is not None}
        found: dict[str, Any] = self._ask("GET", path, params=asked).json()
        return found

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("POST", path, body).json()
        return found

    def _ask(self, method: str, path: str, body: Any = None, **how: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            found = self._http.request(method, self.base_url + path, json=body, headers=headers, **how)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as trouble:  # A host as a..b is no name.
            raise ServiceUnreachable(
                f"The service at {self.base_url} does not answer ({type(trouble).__name__}).",
                fix="Start it with lowtide serve, or pass --url.",
            ) from None
        if found.status_code >= 400 or not _ours(found):
            raise _problem(found)
        return found


def _ours(found: httpx.Response) -> bool:
    """True where an answer is of a kind that the service gives; any server may answer 200."""
    kind = found.headers.get("content-type", "").partition(";")[0]
    return kind in ("application/json", "text/plain")


def _problem(found: httpx.Response) -> ServiceProblem:
    try:
        told = found.json()
        slug, seen, fix = str(told["type"]).rsplit(":", 1)[-1], str(told["detail"]), str(told["fix"])
    except (ValueError, KeyError, TypeError):
        slug, fix = "foreign", "Check that the address is that of lowtide serve."
        seen = f"{found.request.url} answers with status {found.status_code} and no problem of ours."
    return ServiceProblem(seen, fix=fix, slug=slug, status=found.status_code)


def _key(pool_key: str) -> str:
    return quote(pool_key, safe="/:")
