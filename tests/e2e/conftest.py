"""A market that ends now, for runs on wall time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from collector.sample import write_sample


@pytest.fixture(scope="session")
def market(tmp_path_factory) -> Path:
    """The embedded market, moved in time so that it ends now."""
    folder = tmp_path_factory.mktemp("market")
    write_sample(folder, seed=1, days=10)
    probes = pd.read_csv(folder / "probes.csv")
    late_by = pd.Timestamp(datetime.now(UTC)).floor("s") - pd.to_datetime(probes["effective_at"]).max()
    for file in folder.glob("*.csv"):
        frame = pd.read_csv(file)
        for clock in [name for name in frame if name.endswith("_at")]:
            moved = pd.to_datetime(frame[clock], utc=True) + late_by
            frame[clock] = moved.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        frame.to_csv(file, index=False)
    return folder
