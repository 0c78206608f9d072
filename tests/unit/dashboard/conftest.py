"""The fake service and its hand-written answers, for every test of the pages."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def fake_service() -> ModuleType:
    """The module beside this file; test folders are no packages, so it is loaded by its path."""
    spec = importlib.util.spec_from_file_location("fake_service", HERE / "fake_service.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def recorded(fake_service: ModuleType) -> Callable[[str], dict[str, Any]]:
    """Read a hand-written answer; a fresh copy each time, so that a test may bend it."""
    return fake_service.recorded  # type: ignore[no-any-return]


@pytest.fixture
def ranking(recorded: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Five ranked pools: three observed, one borrowed, one on-demand; three rejected."""
    return recorded("recommendation")


@pytest.fixture
def done(recorded: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """A finished run: three attempts, two preemptions, on-demand price known."""
    return recorded("run_done")


@pytest.fixture
def live(recorded: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """A running run whose on-demand price is unknown."""
    return recorded("run_live")
