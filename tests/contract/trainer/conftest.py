"""The stores that every conformance test goes through: folders, memory, and S3 as moto serves it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from trainer.checkpoint.stores import Store, open_store

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "property"))
from faulty_proxy import FaultyProxy

KINDS = ("folder", "folder-direct", "memory", "s3", "s3-in-parts")
BUCKET = "checkpoints"
COMMON = {"region": "us-east-1", "patience_s": 20, "access_key_id": "test", "secret_access_key": "test"}


@pytest.fixture(scope="session")
def s3() -> Iterator[tuple[str, Any]]:
    """A served S3: its address and a client of another make, which sees what really stands there."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 1}, proxies={}),
    )
    client.create_bucket(Bucket=BUCKET)
    yield url, client
    server.stop()


@pytest.fixture
def s3_store(s3: tuple[str, Any]) -> Callable[..., Store]:
    """Open a store in a folder of the served S3, of its own by default."""

    def make(folder: str | None = None, **options: Any) -> Store:
        url = f"s3://{BUCKET}/{folder or uuid4().hex}"
        return open_store(url, **{"endpoint": s3[0], **COMMON, **options})

    return make


@pytest.fixture
def proxy(s3: tuple[str, Any]) -> Iterator[FaultyProxy]:
    """A proxy in front of the served S3, which does no harm yet."""
    faulty = FaultyProxy(s3[0])
    yield faulty
    faulty.close()


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind."""
    if request.param.startswith("folder"):
        return open_store(str(tmp_path / "store"), direct=request.param.endswith("direct"))
    if request.param == "memory":
        return open_store(f"memory://{uuid4().hex}", patience_s=5)
    parts = {"part_bytes": 5 << 20} if request.param == "s3-in-parts" else {}
    return request.getfixturevalue("s3_store")(**parts)
