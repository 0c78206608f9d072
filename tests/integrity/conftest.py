"""The recorded folder in one store, for every test of this room."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from collector.collect import collect_recorded
from collector.store import Store

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="session")
def recorded_store(recorded_data) -> Iterator[Store]:
    with Store.open(None, clock=lambda: NOW) as store:
        collect_recorded(store, recorded_data)
        yield store
