"""What the trainer's tests share: a plan that may start, and a model small enough to train in no time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trainer.plan import Plan

EXAMPLE = Path(__file__).parents[3] / "examples" / "plan.json"

OF_CHECKPOINT = ("light_every_s", "asynchronous", "allow_inexact", "codec")


@pytest.fixture
def example() -> dict[str, Any]:
    """The example plan as a JSON object, free to be spoilt."""
    return json.loads(EXAMPLE.read_text())


@pytest.fixture
def make_plan(tmp_path: Path) -> Callable[..., Plan]:
    """Make a plan that has not expired, has no service, and keeps its checkpoints in `tmp_path`."""

    def make(*, attempt: int = 1, full_every_s: float = 1e9, retention: int = 3, **changes: Any) -> Plan:
        plan = Plan.read(EXAMPLE)
        of_checkpoint = {name: changes.pop(name) for name in OF_CHECKPOINT if name in changes}
        return replace(
            plan,
            attempt=attempt,
            checkpoint=replace(
                plan.checkpoint, full_every_s=full_every_s, retention=retention, **of_checkpoint
            ),
            stores=replace(plan.stores, local_dir=str(tmp_path / "checkpoints")),
            expires_at=datetime(2999, 1, 1, tzinfo=UTC),
            **{"service": None, **changes},
        )

    return make
