"""What is asked of the service about runs; part of `advisor.client.Client`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

When = datetime | str | None


class RunCalls:
    """Runs: opened, reported, decided, looked at."""

    def open_run(
        self,
        recommendation_id: str,
        *,
        stores: dict[str, Any],
        rank: int = 1,
        clock: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Open a run; the answer carries run_id, attempt, pool_id and plan."""
        body = {"recommendation_id": recommendation_id, "rank": rank, "stores": stores, "clock": clock}
        return self._post("/v1/runs", body)

    def append_events(self, run_id: str, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Send run events; sending them again changes nothing."""
        return self._post(f"/v1/runs/{part(run_id)}/events", {"events": list(events)})

    def next_pool(
        self,
        run_id: str,
        *,
        attempt: int,
        lost_pool_id: str | None = None,
        as_of: When = None,
        unavailable: Sequence[str] = (),
        capacity: Mapping[str, int] | None = None,
    ) -> dict[str, Any]:
        """Ask where the rest of a run goes; `capacity` tells nodes that can be had, by spot pool."""
        body = {
            "lost_pool_id": lost_pool_id,
            "attempt": attempt,
            "as_of": written(as_of),
            "unavailable": list(unavailable),
            **({"capacity": dict(capacity)} if capacity else {}),
        }
        return self._post(f"/v1/runs/{part(run_id)}/next-pool", body)

    def directive(self, run_id: str, *, attempt: int | None = None, as_of: When = None) -> dict[str, Any]:
        """Ask whether a live run should stay."""
        return self._get(f"/v1/runs/{part(run_id)}/directive", attempt=attempt, as_of=as_of)

    def runs(self) -> list[dict[str, Any]]:
        """Return the head of every run, newest first."""
        found: list[dict[str, Any]] = self._get("/v1/runs")["runs"]
        return found

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a run with predicted, realised and timeline."""
        return self._get(f"/v1/runs/{part(run_id)}")

    def checkpoints(self, run_id: str) -> dict[str, Any]:
        """Return the committed generations of a run."""
        return self._get(f"/v1/runs/{part(run_id)}/checkpoints")

    def events(self, run_id: str) -> dict[str, Any]:
        """Return the stored events of a run."""
        return self._get(f"/v1/runs/{part(run_id)}/events")

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        raise NotImplementedError

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


def written(value: Any) -> Any:
    """Return an instant as it is sent; anything else as it is."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def part(name: str) -> str:
    """Return a name as one part of a path."""
    return quote(name, safe="")
