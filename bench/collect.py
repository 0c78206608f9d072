"""What collecting costs: rows stored per observation, a file read again, feeds against bare clients.

Storing changes and reading again use the recorded weekly list under --data and are left out by
name where it is absent. The feeds are made up and served locally: ours goes through the reader,
the rules and the store, the peer only fetches and parses the same pages. The bounds of those two
ratios are ours; nobody publishes such figures. JSON of a few hundred rows is parsed in two
milliseconds, while a batch is a transaction of its own whatever its size: there the bound asks
that storing a region takes no longer than a cloud takes to answer for it, about 0.2 s.
"""

from __future__ import annotations

import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import boto3
import httpx
from feed_pages import NOW, REGION, aws_answer, aws_pages, azure_answer, azure_regions, machines, serving
from harness import Bench, interleaved, start

from collector.catalog import load_catalog
from collector.ingest import ingest
from collector.sources.aws_spot_prices import HISTORY, LINUX, AwsSpotPrices
from collector.sources.azure_retail_prices import PATH, AzureRetailPrices
from collector.sources.base import Source
from collector.sources.recorded import open_recorded
from collector.store import Store

LIST = Path("gcp-pricing-weekly")
AWS_GOALS = (0.5, 0.75)  # Must and aim, of the bare client's rows per second.
AZURE_GOALS = (0.01, 0.05)
Run = Callable[[], int]  # Answers how many rows it met.
STORED = "SELECT (SELECT count(*) FROM price_change) + (SELECT count(*) FROM price_confirmed)"


def recorded(bench: Bench, folder: Path, n: int) -> None:
    """Changes only, and the same file again."""
    data = bench.options.data / LIST if bench.options.data else None
    if data is None or not data.is_dir():
        print(f"left out: {data or f'{LIST} (no --data)'} is absent", file=sys.stderr)
        return
    source = next(s for s in open_recorded(data) if s.source_id == "gcp-pricing-weekly")
    first_s, again_s = [], []
    for _ in range(n):
        with Store.open(new_file(folder), clock=lambda: datetime.now(UTC)) as store:
            first_s.append(timed(store, source))
            again_s.append(timed(store, source))
            observed = sum(q.rows for q in store.quality(store.now()))
            with store.transaction() as cursor:
                stored = cursor.execute(STORED).fetchall()[0][0]
    bench.figure(
        "observations per stored row, weekly list of GCP prices", observed / stored, unit="observations",
        better="higher", must=15, aim=30,
    )  # fmt: skip
    bench.figure(
        "an identical file again", 1 / median(again_s), unit="1/s", better="higher", must=20, aim=50, n=n,
        peer="the first time", theirs=1 / median(first_s),
    )  # fmt: skip


def timed(store: Store, source: Source) -> float:
    began = time.perf_counter()
    ingest(store, source)
    return time.perf_counter() - began


def median(seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) // 2]


def aws(bench: Bench, folder: Path, pages: int, n: int) -> None:
    """Spot price history: reader, rules and store against a bare paginator."""
    skus = tuple(load_catalog().skus["aws", name] for name in machines("aws"))
    with serving(aws_answer(aws_pages(pages))) as address:
        ec2 = boto3.client(
            "ec2", region_name=REGION, endpoint_url=address, aws_access_key_id="bench",
            aws_secret_access_key="bench",
        )  # fmt: skip

        def ours() -> int:
            source = AwsSpotPrices(ec2=ec2, region=REGION, skus=skus, since=None, now=lambda: NOW)
            return stored_of(folder, source)

        def bare() -> int:
            found = ec2.get_paginator("describe_spot_price_history").paginate(
                InstanceTypes=[sku.name for sku in skus], ProductDescriptions=list(LINUX),
                StartTime=NOW - HISTORY, EndTime=NOW,
            )  # fmt: skip
            return sum(len(page["SpotPriceHistory"]) for page in found)

        publish(
            bench, "AWS spot price history read and stored", "bare boto3 paginator", ours, bare, AWS_GOALS, n
        )


def azure(bench: Bench, folder: Path, regions: int, n: int) -> None:
    """Retail prices: reader, rules and store against bare httpx and json."""
    named = azure_regions(regions)
    with serving(azure_answer(named)) as address, httpx.Client(base_url=address) as client:

        def ours() -> int:
            return stored_of(folder, AzureRetailPrices(client=client, regions=named, now=lambda: NOW))

        def bare() -> int:
            wanted = [f"armRegionName eq '{region}'" for region in named]
            return sum(len(client.get(PATH, params={"$filter": w}).json()["Items"]) for w in wanted)

        publish(
            bench, "Azure retail prices read and stored", "bare httpx and json", ours, bare, AZURE_GOALS, n
        )


def stored_of(folder: Path, source: Source) -> int:
    """Rows that came of a source into a new store, whether they were stored or turned away."""
    with Store.open(new_file(folder), clock=lambda: NOW) as store:
        return ingest(store, source).rows_in


def publish(
    bench: Bench, figure: str, peer: str, ours: Run, bare: Run, goals: tuple[float, float], n: int
) -> None:
    """Rows of the feed per second, both ways; the same feed, so the same rows."""
    rows = bare()
    assert rows > 0
    assert ours() >= rows
    seconds = interleaved(n, ours=ours, bare=bare)
    bench.figure(
        figure, rows / seconds["ours"], unit="rows/s", better="higher", must=goals[0], aim=goals[1],
        peer=peer, theirs=rows / seconds["bare"], n=n,
    )  # fmt: skip


def new_file(folder: Path) -> Path:
    return folder / f"{uuid.uuid4().hex}.duckdb"


def main() -> None:
    bench = start("collect", __doc__)
    pages, regions, n = (5, 5, 3) if bench.options.quick else (40, 40, 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recorded(bench, folder, n)
        aws(bench, folder, pages, n)
        azure(bench, folder, regions, n)
    bench.finish()


if __name__ == "__main__":
    main()
