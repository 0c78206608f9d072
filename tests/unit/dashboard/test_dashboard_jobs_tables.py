"""A job file with tables of which there are several reads back as what was asked."""

from __future__ import annotations

import tomllib

from dashboard.jobs import job_file


def test_commitments_and_replicas_read_back_as_they_were_asked() -> None:
    spec = {
        "job": {"name": "x", "throughput": {"H100-80GB": 1.0}},
        "data": {"dataset_bytes": 1, "replicas": [{"provider": "gcp", "region": "us-central1"}]},
        "commitments": [{"name": "a", "start_hours": [0.0, 1.0], "zone": None}, {"name": "b"}],
    }
    told = tomllib.loads(job_file(spec))
    assert told["data"]["replicas"] == spec["data"]["replicas"]
    assert told["commitments"] == [{"name": "a", "start_hours": [0.0, 1.0]}, {"name": "b"}]
