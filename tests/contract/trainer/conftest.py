"""The stores that every conformance test goes through: folders, memory, and S3 as moto serves it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from trainer.checkpoint.stores import Store, open_store

KINDS = ("folder", "folder-direct")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param.startswith("folder"):
        yield open_store(str(tmp_path / "store"), direct=request.param.endswith("direct"))
