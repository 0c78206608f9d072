"""The store as a whole over HTTP: backed up while it serves, and what was first listed when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from advisor.client import Client, ServiceProblem
from advisor.serving import open_service
from collector.ingest import ingest
from collector.restore import restore
from collector.sources.base import Batch
from collector.store import Store

NOW = datetime(2023, 3, 1, tzinfo=UTC)
pytestmark = pytest.mark.filterwarnings("ignore:You should not use the 'timeout' argument")


class Listings:
    """Two machines, listed five and forty days ago."""

    source_id, kind, licence, note, origin = "listed", "recorded", "none", "", "memory"

    def batches(self):
        rows = [("p5.48xlarge", "H100-80GB", 40), ("p6r.48xlarge", "R100-288GB", 5)]
        yield Batch(
            listings=pd.DataFrame(
                {
                    "provider": "aws", "region": "us-east-1", "zone": None, "sku": sku, "gpu_model": model,
                    "gpu_count": 8, "gpu_memory_bytes": None, "note": None,
                    "effective_at": pd.Timestamp(NOW - timedelta(days=days)),
                    "observed_at": pd.Timestamp(NOW - timedelta(days=days)),
                }
                for sku, model, days in rows
            )
        )  # fmt: skip


@pytest.fixture
def client(http_of):
    with open_service(None, clock=lambda: NOW) as service:
        ingest(service.store, Listings())
        with http_of(service) as http:
            yield Client("http://testserver", http=http)


def test_a_backup_of_the_service_restores_to_the_same_answers_byte_for_byte(http, recommended, tmp_path):
    told = http.post("/v1/store/backup", json={"path": str(tmp_path / "b.tar")})
    assert told.status_code == 201, told.text
    assert told.json()["tables"]["recommendation"] >= 1
    assert told.json()["bytes"] == (tmp_path / "b.tar").stat().st_size
    assert {"as_of", "age_s", "synthetic", "sources"} <= told.json().keys()
    restore(tmp_path / "b.tar", tmp_path / "new.duckdb", clock=lambda: NOW)
    route = f"/v1/recommendations/{recommended['recommendation_id']}"
    with Store.open(tmp_path / "new.duckdb", clock=lambda: NOW) as store:
        assert store.recommendation(recommended["recommendation_id"]) == http.get(route).content


@pytest.mark.parametrize("body", [{}, {"path": ""}, {"path": "a\nb"}, {"path": "/x", "more": 1}])
def test_a_backup_of_a_strange_request_is_refused(http, body):
    assert http.post("/v1/store/backup", json=body).status_code == 422


def test_a_backup_over_a_file_is_refused_in_words(client, tmp_path):
    (tmp_path / "b.tar").write_text("mine")
    with pytest.raises(ServiceProblem, match="exists already") as refusal:
        client.backup(str(tmp_path / "b.tar"))
    assert refusal.value.exit_code == 2
    assert (tmp_path / "b.tar").read_text() == "mine"


def test_listings_tell_what_was_first_seen_since_an_instant(client):
    lately = client.listings(since=NOW - timedelta(days=30))
    assert [each["sku"] for each in lately["listings"]] == ["p6r.48xlarge"]
    assert lately["listings"][0]["first_seen_at"] == "2023-02-24T00:00:00Z"
    assert len(client.listings()["listings"]) == 2


def test_listings_as_of_an_earlier_day_hold_nothing_later(client):
    earlier = client.listings(as_of=NOW - timedelta(days=10))
    assert [each["sku"] for each in earlier["listings"]] == ["p5.48xlarge"]
