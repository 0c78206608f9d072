"""Which checkpoints stay: the policy as numbers. (The sweep itself follows.)"""

from __future__ import annotations

from dataclasses import dataclass

from .stores import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What is kept."""

    newest: int


def sweep(store: Store, retention: Retention) -> None:
    """Remove what the policy does not keep; for now, nothing."""
