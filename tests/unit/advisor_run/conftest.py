"""Launchers in a folder of the test's own."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisor.launch import Launcher
from advisor.progress import RunClock

sys.path.insert(0, str(Path(__file__).parent))  # Test folders are no packages.

from launcher_kit import START, fake_executor


@pytest.fixture
def launch(tmp_path):
    def build(service, cloud, *options, patience_s=5.0):
        clock = RunClock(market_origin_at=START, wall_origin_at=datetime.now(UTC), compression=600.0)
        return Launcher(
            service, cloud, fake_executor(*options), clock=clock, room=tmp_path, send=service.send,
            patience_s=patience_s, watch=build.seen.append,
        )  # fmt: skip

    build.seen = []
    return build
