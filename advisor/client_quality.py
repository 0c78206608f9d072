"""The client's calls about quality: sources, the newest backtest, and a new one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx

When = datetime | str | None


class QualityCalls:
    """The part of the client that asks how good data and forecasts are."""

    def quality(self, *, as_of: When = None, pool: str | None = None) -> dict[str, Any]:
        """Return each source's rows, age, gaps and quarantine, and under `backtest` the newest figures.

        Args:
            as_of: Nothing known later is told.
            pool: Tell the figures of this pool; None: those of all pools together.
        """
        return self._get("/v1/quality", as_of=as_of, pool=pool)

    def backtest(
        self, *, from_at: When = None, until_at: When = None, every_hours: float = 24.0, spec: Any = None,
        window_hours: float = 720.0, seed: int = 0, workers: int = 1, engine: str = "processes",
    ) -> dict[str, Any]:  # fmt: skip
        """Have the service make a backtest; returns its figures. `spec` is a `JobSpec` or a dictionary."""
        written = spec if spec is None or isinstance(spec, dict) else spec.model_dump(mode="json")
        body = {
            "from_at": _written(from_at), "until_at": _written(until_at), "every_hours": every_hours,
            "spec": written, "window_hours": window_hours, "seed": seed, "workers": workers, "engine": engine,
        }  # fmt: skip
        found: dict[str, Any] = self._ask("POST", "/v1/backtests", body, timeout=None).json()
        return found

    def backtest_policies(self, **asked: Any) -> dict[str, Any]:
        """Have the service replay policies under a deadline; see `wire_policies.PoliciesRequest`."""
        body = {name: _written(value) for name, value in asked.items() if value is not None}
        found: dict[str, Any] = self._ask("POST", "/v1/backtests/policies", body, timeout=None).json()
        return found

    def backtest_progress(self) -> dict[str, Any]:
        """Return how far the backtest under way is."""
        return self._get("/v1/backtests/progress")

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        raise NotImplementedError

    def _ask(self, method: str, path: str, body: Any = None, **how: Any) -> httpx.Response:
        raise NotImplementedError


def _written(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
