"""Two made-up feeds on a local port, their pages written beforehand: AWS spot history, Azure retail prices.

The server does nothing but look a page up, so that what a bench measures is the reader.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from collector.catalog import load_catalog

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PAGE_ROWS = 1000
REGION = "us-east-1"
ZONES = tuple(f"use1-az{n}" for n in range(1, 7))
ENTRY = (
    "<item><instanceType>{sku}</instanceType><productDescription>Linux/UNIX</productDescription>"
    "<spotPrice>{usd:.6f}</spotPrice><timestamp>{at:%Y-%m-%dT%H:%M:%S}.000Z</timestamp>"
    "<availabilityZone>us-east-1a</availabilityZone><availabilityZoneId>{zone}</availabilityZoneId></item>"
)
ANSWER = (
    '<?xml version="1.0" encoding="UTF-8"?><DescribeSpotPriceHistoryResponse xmlns='
    '"http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><spotPriceHistorySet>{entries}'
    "</spotPriceHistorySet><nextToken>{token}</nextToken></DescribeSpotPriceHistoryResponse>"
)
Answer = Callable[[str, bytes], bytes]  # Path and body of a request to the body of its answer.


def machines(provider: str) -> list[str]:
    """SKUs with GPUs of the catalogue."""
    return sorted(name for (p, name), sku in load_catalog().skus.items() if p == provider and sku.gpu_count)


def aws_pages(pages: int) -> list[bytes]:
    """Changes of every machine in every zone, newest first, 1000 a page; every one is another price."""
    skus, rows = machines("aws"), pages * PAGE_ROWS
    entries = [
        ENTRY.format(
            sku=skus[i % len(skus)], zone=ZONES[i // len(skus) % len(ZONES)], usd=0.2 + i % 997 / 10_000,
            at=NOW - timedelta(days=89) * (i + 1) / rows,
        )
        for i in range(rows)
    ]  # fmt: skip
    return [
        ANSWER.format(
            entries="".join(entries[first : first + PAGE_ROWS]),
            token=first // PAGE_ROWS + 1 if first + PAGE_ROWS < rows else "",
        ).encode()
        for first in range(0, rows, PAGE_ROWS)
    ]


def aws_answer(pages: list[bytes]) -> Answer:
    """The page that a form's NextToken names."""

    def answer(path: str, body: bytes) -> bytes:
        return pages[int(parse_qs(body.decode()).get("NextToken", ["0"])[0])]

    return answer


def azure_regions(count: int) -> tuple[str, ...]:
    return tuple(f"region{n}" for n in range(count))


def azure_answer(regions: tuple[str, ...]) -> Answer:
    """One page per region: spot and on-demand, Linux and Windows, of every size."""
    pages = {
        region: json.dumps({"Items": azure_items(region), "NextPageLink": None}).encode()
        for region in regions
    }

    def answer(path: str, body: bytes) -> bytes:
        wanted = parse_qs(urlsplit(path).query)["$filter"][0]
        return pages[wanted.partition("armRegionName eq '")[2].partition("'")[0]]

    return answer


def azure_items(region: str) -> list[dict[str, object]]:
    return [
        {
            "armSkuName": size, "armRegionName": region, "currencyCode": "USD", "unitOfMeasure": "1 Hour",
            "meterName": f"{size}{' Spot' if spot else ''}", "productName": f"Virtual Machines{system}",
            "retailPrice": (0.2 if spot else 0.9) + n / 1000, "type": "Consumption", "tierMinimumUnits": 0.0,
            "isPrimaryMeterRegion": True, "effectiveStartDate": "2026-10-01T00:00:00Z",
        }
        for n, size in enumerate(machines("azure"))
        for spot in (True, False)
        for system in ("", " Windows")
    ]  # fmt: skip


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """The feed on a free local port; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # Connections are kept, as both clients expect.

        def do_GET(self) -> None:
            content = answer(self.path, self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(200)
            self.send_header("Content-Type", "application/json" if self.command == "GET" else "text/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
