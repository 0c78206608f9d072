"""Ranks that stay warm for as long as a module's tests last."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "trainer"))  # Test folders are no packages.


@pytest.fixture(scope="module")
def gang():
    """Return ranks to hand work to."""
    from gang import Gang  # Late: it loads torch.

    warm = Gang()
    yield warm
    warm.close()
