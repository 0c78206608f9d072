"""Makes the fakes and the conformance class beside this file importable; test folders are no packages."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("conformance")
from aws_stage import clients_for  # noqa: E402, F401 - a fixture
