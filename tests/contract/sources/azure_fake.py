"""Fakes of the Azure Retail Prices feed, of Entra and of Resource Graph, after Microsoft's documents."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from json_fake import Answer, Asked, Reply, need

FILTERABLE = {  # Fields that Microsoft names as usable in $filter.
    "armRegionName", "Location", "meterId", "meterName", "productid", "skuId", "productName", "skuName",
    "serviceName", "serviceId", "serviceFamily", "priceType", "armSkuName",
}  # fmt: skip
CLAUSE = re.compile(r"(?:(\w+) eq '([^']*)'|contains\((\w+), ?'([^']*)'\))")


def meter(size: str, usd: float, **changes: Any) -> dict[str, Any]:
    """A row of the feed, with every field that the documents show."""
    row = {
        "currencyCode": "USD", "tierMinimumUnits": 0.0, "retailPrice": usd, "unitPrice": usd,
        "armRegionName": "eastus", "location": "US East", "effectiveStartDate": "2026-03-01T00:00:00Z",
        "meterId": "000a794b", "meterName": "ND96isr H100 v5", "productId": "DZH318Z0BQ3G",
        "skuId": "DZH318Z0BQ3G/00KH", "productName": "Virtual Machines NDsr H100 v5 Series",
        "skuName": "ND96isr H100 v5", "serviceName": "Virtual Machines", "serviceId": "DZH313Z7MMC8",
        "serviceFamily": "Compute", "unitOfMeasure": "1 Hour", "type": "Consumption",
        "isPrimaryMeterRegion": True, "armSkuName": size,
    }  # fmt: skip
    return {**row, **changes}


H100, A100 = "Standard_ND96isr_H100_v5", "Standard_NC24ads_A100_v4"
METERS = [
    meter(H100, 98.32),
    meter(H100, 34.41212, meterName="ND96isr H100 v5 Spot", skuName="ND96isr H100 v5 Spot"),
    meter(A100, 3.673),
    meter(A100, 0.7346, meterName="NC24ads A100 v4 Spot"),
]


def matches(row: dict[str, Any], filter_: str) -> bool:
    """Whether the row passes a $filter of eq and contains, case-sensitively."""
    need(re.fullmatch(rf"{CLAUSE.pattern}(?: and {CLAUSE.pattern})*", filter_), f"$filter is {filter_!r}")
    for eq_name, eq_value, in_name, in_value in CLAUSE.findall(filter_):
        name = eq_name or in_name
        need(name in FILTERABLE, f"$filter cannot name {name}")
        value = row["type"] if name == "priceType" else row[name]
        if not (value == eq_value if eq_name else in_value in value):
            return False
    return True


def retail(rows: list[dict[str, Any]], *, page_size: int = 1000, link: str | None = None) -> Answer:
    """The feed; `link` replaces every next link."""

    def answer(asked: Asked) -> Reply:
        need((asked.method, asked.path) == ("GET", "/api/retail/prices"), f"{asked.method} {asked.path}")
        unknown = set(asked.query) - {"api-version", "$filter", "$skip", "currencyCode", "meterRegion"}
        need(not unknown, f"unknown parameters {sorted(unknown)}")
        need(asked.query["api-version"] == "2023-01-01-preview", "api-version")
        found = [row for row in rows if matches(row, asked.query["$filter"])]
        skip = int(asked.query.get("$skip", 0))
        origin = f"http://{asked.headers['Host']}/api/retail/prices"
        following = (
            f"{origin}?api-version={asked.query['api-version']}"
            f"&$filter={quote(asked.query['$filter'])}&$skip={skip + page_size}"
        )
        more = skip + page_size < len(found)
        body = {
            "BillingCurrency": "USD", "CustomerEntityId": "Default", "CustomerEntityType": "Retail",
            "Items": found[skip : skip + page_size], "NextPageLink": (link or following) if more else None,
            "Count": len(found[skip : skip + page_size]),
        }  # fmt: skip
        return Reply(body)

    return answer


BANDS = [
    {"sku": "standard_nd96isr_h100_v5", "location": "eastus", "evictionRate": "5-10"},
    {"sku": "standard_nc24ads_a100_v4", "location": "eastus", "evictionRate": "20+"},
]


def graph(rows: list[dict[str, Any]], token: str, *, page_size: int = 1000, looping: bool = False) -> Answer:
    """Resource Graph, asked with a POST at tenant scope, in objectArray form."""

    def answer(asked: Asked) -> Reply:
        path = "/providers/Microsoft.ResourceGraph/resources"
        need((asked.method, asked.path) == ("POST", path), f"{asked.method} {asked.path}")
        need(asked.query == {"api-version": "2022-10-01"}, f"query is {asked.query}")
        need(
            set(asked.json) == {"query", "options"},
            "subscriptions narrow the scope and SpotResources is empty",
        )
        options = asked.json["options"]
        unknown = set(options) - {"$top", "$skip", "$skipToken", "resultFormat", "allowPartialScopes"}
        need(not unknown, f"unknown options {sorted(unknown)}")
        need(options["$top"] <= 1000, "$top is at most 1000")
        need("skuspotevictionrate/location" in asked.json["query"], "another query")
        if asked.headers.get("Authorization") != f"Bearer {token}":
            return Reply({"error": {"code": "InvalidAuthenticationToken"}}, status=401)
        skip = 0 if looping else int(options.get("$skipToken", 0))
        data = rows[skip : skip + page_size]
        body: dict[str, Any] = {
            "totalRecords": len(rows), "count": len(data), "data": data, "facets": [],
            "resultTruncated": "false",
        }  # fmt: skip
        if skip + page_size < len(rows):
            body["$skipToken"] = str(skip + page_size)
        return Reply(body)

    return answer


def entra(secret: str, token: str) -> Answer:
    """The token endpoint, client-credentials grant."""

    def answer(asked: Asked) -> Reply:
        need(asked.path == "/tenant-1/oauth2/v2.0/token", asked.path)
        form = dict(pair.split("=", 1) for pair in asked.body.decode().split("&"))
        need(set(form) == {"grant_type", "client_id", "client_secret", "scope"}, f"form is {sorted(form)}")
        if form["client_secret"] != secret:
            return Reply({"error": "invalid_client"}, status=401)
        return Reply({"token_type": "Bearer", "expires_in": 3599, "access_token": token})

    return answer


def placement(labels: dict[tuple[str, str, str | None], str], token: str) -> Answer:
    """Spot placement scores: a label per size, region and logical zone."""

    def answer(asked: Asked) -> Reply:
        path = (
            "/subscriptions/sub-1/providers/Microsoft.Compute/locations/eastus/placementScores/spot/generate"
        )
        need((asked.method, asked.path) == ("POST", path), f"{asked.method} {asked.path}")
        need(asked.query == {"api-version": "2025-06-05"}, f"query is {asked.query}")
        body = asked.json
        fields = {"desiredLocations", "desiredSizes", "desiredCount", "availabilityZones"}
        need(set(body) == fields, f"body has {sorted(body)}")
        need(all(set(size) == {"sku"} for size in body["desiredSizes"]), "a size is an object with its sku")
        if asked.headers.get("Authorization") != f"Bearer {token}":
            return Reply({"error": {"code": "InvalidAuthenticationToken"}}, status=401)
        wanted = {size["sku"] for size in body["desiredSizes"]}
        scores = [
            {"sku": size, "region": region, "score": label, "isQuotaAvailable": True}
            | ({"availabilityZone": zone} if zone else {})
            for (size, region, zone), label in labels.items()
            if size in wanted and region in body["desiredLocations"]
        ]
        return Reply({**body, "placementScores": scores})

    return answer
