"""Fakes of the neoclouds' price interfaces, after their published documents and SDKs."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

from json_fake import Answer, Asked, Reply, need

# Lambda: GET /api/v1/instance-types, no parameters, bearer key.


def lambda_type(name: str, gpu: str, cents: int, gpus: int, regions: list[str]) -> dict[str, Any]:
    return {
        "instance_type": {
            "name": name, "description": f"{gpus}x {gpu}", "gpu_description": gpu,
            "price_cents_per_hour": cents,
            "specs": {"vcpus": 26 * max(gpus, 1), "memory_gib": 200, "storage_gib": 1024, "gpus": gpus},
        },
        "regions_with_capacity_available": [{"name": name, "description": name} for name in regions],
    }  # fmt: skip


LAMBDA = {
    "gpu_1x_h100_sxm5": lambda_type(
        "gpu_1x_h100_sxm5", "H100 (80 GB SXM5)", 329, 1, ["us-east-1", "us-west-2"]
    ),
    "gpu_8x_v100_n": lambda_type("gpu_8x_v100_n", "Tesla V100 (16 GB)", 440, 8, []),
    "cpu_4x_general": lambda_type("cpu_4x_general", "N/A", 20, 0, ["us-east-1"]),
}


def lambda_cloud(types: dict[str, Any]) -> Answer:
    def answer(asked: Asked) -> Reply:
        need((asked.method, asked.path) == ("GET", "/api/v1/instance-types"), f"{asked.method} {asked.path}")
        need(asked.query == {}, f"parameters {asked.query}")
        need(asked.headers["Authorization"].startswith("Bearer "), "no bearer key")
        return Reply({"data": types})

    return answer


# Verda: OAuth2 client credentials, then GETs.


def verda_type(
    name: str, gpu: str, gpus: int, total_gb: int, usd: str, spot_usd: str | None
) -> dict[str, Any]:
    return {
        "id": "deadc0de", "instance_type": name, "price_per_hour": usd, "spot_price": spot_usd,
        "description": gpu, "cpu": {"number_of_cores": 30},
        "gpu": {"description": f"{gpus}x {gpu}", "number_of_gpus": gpus},
        "memory": {"size_in_gigabytes": 120}, "gpu_memory": {"size_in_gigabytes": total_gb},
        "storage": {"description": "dynamic"}, "currency": "usd",
    }  # fmt: skip


VERDA = [
    verda_type("8H100.80S.176V", "NVIDIA H100 SXM5 80GB", 8, 640, "18.32", "6.400"),
    verda_type("1V100.6V", "NVIDIA Tesla V100", 1, 16, "0.1381", "0.0690"),
    verda_type("CPU.4V.16G", "", 0, 0, "0.0279", None),
]
ON_DEMAND_AT = [{"location_code": "FIN-01", "availabilities": ["8H100.80S.176V", "1V100.6V", "CPU.4V.16G"]}]
SPOT_AT = [
    {"location_code": "FIN-01", "availabilities": ["1V100.6V"]},
    {"location_code": "ICE-01", "availabilities": ["8H100.80S.176V"]},
]


def verda(types: list[dict[str, Any]], token: str) -> Answer:
    def answer(asked: Asked) -> Reply:
        need(asked.method == "GET", asked.method)
        if asked.headers.get("Authorization") != f"Bearer {token}":
            return Reply({"code": "unauthorized_request"}, status=401)
        if asked.path == "/v1/instance-types":
            need(set(asked.query) <= {"currency"}, f"parameters {asked.query}")
            return Reply(types)
        need(asked.path == "/v1/instance-availability", asked.path)
        need(set(asked.query) <= {"is_spot", "location_code"}, f"parameters {asked.query}")
        return Reply(SPOT_AT if asked.query["is_spot"] == "true" else ON_DEMAND_AT)

    return answer


def verda_auth(secret: str, token: str) -> Answer:
    def answer(asked: Asked) -> Reply:
        need((asked.method, asked.path) == ("POST", "/v1/oauth2/token"), asked.path)
        need(set(asked.json) == {"grant_type", "client_id", "client_secret"}, f"body {sorted(asked.json)}")
        if asked.json["client_secret"] != secret:
            return Reply({"code": "unauthorized_request"}, status=401)
        return Reply(
            {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": "cloud-api-v1"}
        )

    return answer


# RunPod: GraphQL. Types and inputs as its published schema names them.

GPU_FIELDS = {
    "id", "displayName", "manufacturer", "memoryInGb", "cudaCores", "secureCloud", "communityCloud",
    "securePrice", "communityPrice", "secureSpotPrice", "communitySpotPrice", "maxGpuCount",
    "maxGpuCountSecureCloud", "maxGpuCountCommunityCloud", "lowestPrice", "gpuTypes",
}  # fmt: skip
LOWEST_FIELDS = {"minimumBidPrice", "uninterruptablePrice", "minVcpu", "minMemory", "stockStatus"}
PLACE_FIELDS = {"dataCenters", "id", "name", "listed"}
GRAPHQL = {"query", "Places", "Offers", "input", "GpuLowestPriceInput"}
INPUT = {"gpuCount", "secureCloud", "dataCenterId", "countryCode", "minDisk", "minMemoryInGb", "minVcpuCount"}


def runpod_gpu(
    id: str, name: str, gb: int, usd: float, bid: float | None, stock: str | None
) -> dict[str, Any]:
    return {
        "id": id, "displayName": name, "memoryInGb": gb, "secureCloud": True, "securePrice": usd,
        "maxGpuCountSecureCloud": 8, "lowestPrice": {"minimumBidPrice": bid, "stockStatus": stock},
    }  # fmt: skip


RUNPOD = {
    "EU-RO-1": [
        runpod_gpu("NVIDIA H100 80GB HBM3", "H100 SXM", 80, 2.69, 1.5, "Low"),
        runpod_gpu("NVIDIA RTX A6000", "RTX A6000", 48, 0.49, None, None),
    ],
    "US-KS-2": [runpod_gpu("NVIDIA H100 80GB HBM3", "H100 SXM", 80, 2.69, 1.25, "High")],
}


def runpod(stock: dict[str, list[dict[str, Any]]]) -> Answer:
    def answer(asked: Asked) -> Reply:
        need((asked.method, asked.path) == ("POST", "/graphql"), f"{asked.method} {asked.path}")
        need(asked.query == {}, "a key has no place in the address")
        need(set(asked.json) <= {"query", "variables", "operationName"}, f"body {sorted(asked.json)}")
        query, variables = asked.json["query"], asked.json["variables"]
        known = (PLACE_FIELDS if "dataCenters" in query else GPU_FIELDS | LOWEST_FIELDS) | GRAPHQL
        need(
            set(re.findall(r"\w+", query)) <= known,
            f"the schema has no {set(re.findall(r'[a-zA-Z]+', query)) - known}",
        )
        if "dataCenters" in query:
            hidden = [{"id": "OC-AU-1", "listed": False}]
            return Reply({"data": {"dataCenters": [*({"id": p, "listed": True} for p in stock), *hidden]}})
        wanted = variables["input"]
        need(set(wanted) <= INPUT, f"input {sorted(wanted)}")
        return Reply({"data": {"gpuTypes": stock[wanted["dataCenterId"]]}})

    return answer


# Vast: POST /api/v0/bundles/ with an operator object per field.

OFFER_FIELDS = {
    "gpu_name",
    "rentable",
    "rented",
    "verified",
    "num_gpus",
    "geolocation",
    "dph_base",
    "reliability2",
}
OPERATORS = {"eq", "neq", "gt", "gte", "lt", "lte", "in", "notin"}


def vast_offer(
    id: int, usd: float, bid: float | None, where: str | None = "Sweden, SE", **changes: Any
) -> dict:
    offer = {
        "id": id, "gpu_name": "H100 SXM", "num_gpus": 8, "gpu_ram": 81559, "dph_base": usd,
        "dph_total": usd + 0.01, "min_bid": bid, "geolocation": where, "reliability2": 0.998,
    }  # fmt: skip
    return {**offer, **changes}


VAST = [vast_offer(1, 16.0, 8.0), vast_offer(2, 17.5, 9.0), vast_offer(3, 24.0, 10.0)]


def vast(offers: list[dict[str, Any]]) -> Answer:
    def answer(asked: Asked) -> Reply:
        need((asked.method, asked.path) == ("POST", "/api/v0/bundles/"), f"{asked.method} {asked.path}")
        need(asked.query == {}, "a key has no place in the address")
        body = asked.json
        need(body["type"] in ("on-demand", "bid", "reserved"), f"type {body['type']}")
        filters = {name: value for name, value in body.items() if name not in ("type", "order", "limit")}
        need(set(filters) <= OFFER_FIELDS, f"filters {sorted(filters)}")
        need(all(set(operators) <= OPERATORS for operators in filters.values()), "unknown operator")
        found = [offer for offer in offers if offer["gpu_name"] == body["gpu_name"]["eq"]]
        return Reply({"offers": found[: body["limit"]]})

    return answer


# gpuhunt's published catalogue: {provider}/version and {provider}/{version}/catalog.zip.

HEADER = (
    "instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot,disk_size,gpu_vendor,"
    "flags,cpu_arch,provider_data"
)
NEBIUS = [
    "gpu-h200-sxm 8gpu-128vcpu-1600gb,eu-north1,28.0,128,1600.0,8,H200,141.0,False,,nvidia,,x86,{}",
    "gpu-h200-sxm 8gpu-128vcpu-1600gb,eu-north1,11.6,128,1600.0,8,H200,141.0,True,,nvidia,,x86,{}",
    "cpu-d3 4vcpu-16gb,eu-north1,0.1,4,16.0,0,,,False,,,,x86,{}",
]


def zipped(lines: list[str], name: str = "nebius.csv", header: str = HEADER) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, "\n".join([header, *lines]) + "\n")
    return body.getvalue()


def gpuhunt(catalog: bytes, version: bytes = b"20261119-7\n") -> Answer:
    def answer(asked: Asked) -> Reply:
        need(asked.method == "GET" and asked.query == {}, f"{asked.method} {asked.query}")
        if asked.path == "/v3/nebius/version":
            return Reply(version)
        need(asked.path == "/v3/nebius/20261119-7/catalog.zip", asked.path)
        return Reply(catalog)

    return answer
