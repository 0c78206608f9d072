"""Fixtures that every room shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

RECORDED_DATA = Path(os.environ.get("LOWTIDE_RECORDED_DATA", Path(__file__).parents[2] / "shared" / "data"))
VECTORS = RECORDED_DATA.parent / "vectors"


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    """The folder of recorded market data beside the checkout, or a skip that says what is missing."""
    if not RECORDED_DATA.is_dir():
        pytest.skip(f"recorded market data is absent ({RECORDED_DATA}); set LOWTIDE_RECORDED_DATA")
    return RECORDED_DATA


@pytest.fixture(scope="session")
def cost_vectors() -> Path:
    """The reference values of the cost model, or a skip that says what is missing."""
    path = VECTORS / "costmodel.csv"
    if not path.is_file():
        pytest.skip(f"reference vectors are absent ({path})")
    return path
