"""Fakes of Google's price catalogue and Compute advice, answering with Google's own message types.

A REST request is parsed with the proto of its method, and refused where a parameter is none
of its fields. A gRPC request is one already.
"""

from __future__ import annotations

import json
from concurrent import futures
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import grpc
from google.cloud import billing_v1, compute_v1
from google.protobuf import json_format
from json_fake import Answer, Asked, Reply, RuleBroken, need

US, EU = ["us-central1"], ["europe-west4"]
SINCE = "2026-10-01T00:00:00Z"


def sku(
    description: str, usd: str, *, usage: str = "OnDemand", group: str = "CPU", unit: str = "h",
    regions: list[str] = US, since: str = SINCE, tiers: tuple[str, ...] = (), currency: str = "USD",
) -> billing_v1.Sku:  # fmt: skip
    """A SKU with one price, or with tiers of which `usd` is the last."""
    rates = []
    for i, price in enumerate((*tiers, usd)):
        units, part = divmod(Decimal(price), 1)
        money = {"currency_code": currency, "units": int(units), "nanos": int(part * 10**9)}
        rates.append({"start_usage_amount": float(100 * i), "unit_price": money})
    return billing_v1.Sku(
        name=f"services/6F81-5844-456A/skus/{abs(hash(description)) % 10**6}",
        sku_id=description[:9],
        description=description,
        category={
            "service_display_name": "Compute Engine",
            "resource_family": "Storage" if unit.startswith("GiBy.mo") else "Compute",
            "resource_group": group,
            "usage_type": usage,
        },
        service_regions=regions,
        pricing_info=[
            {
                "effective_time": datetime.fromisoformat(since),
                "pricing_expression": {"usage_unit": unit, "display_quantity": 1, "tiered_rates": rates},
            }
        ],
        service_provider_name="Google",
    )


def spot(description: str, usd: str, **changes: Any) -> billing_v1.Sku:
    return sku(description, usd, usage="Preemptible", **changes)


G2 = [  # g2-standard-4 = 4 cores + 16 GiB + 1 L4.
    sku("G2 Instance Core running in Iowa", "0.025"),
    sku("G2 Instance Ram running in Iowa", "0.003", group="RAM", unit="GiBy.h"),
    sku("Nvidia L4 GPU running in Iowa", "0.56", group="GPU"),
    spot("Spot Preemptible G2 Instance Core running in Iowa", "0.01"),
    spot("Spot Preemptible G2 Instance Ram running in Iowa", "0.001", group="RAM", unit="GiBy.h"),
    spot("Nvidia L4 GPU attached to Spot Preemptible VMs running in Iowa", "0.2245", group="GPU"),
]
A2 = [  # Both A100s side by side: the plain name is a prefix of the other.
    sku("A2 Instance Core running in Americas", "0.03"),
    sku("A2 Instance Ram running in Americas", "0.004", group="RAM", unit="GiBy.h"),
    sku("Nvidia Tesla A100 80GB GPU running in Iowa", "3.9", group="GPU"),
    sku("Nvidia Tesla A100 GPU running in Iowa", "2.9", group="GPU"),
    sku("SSD backed Local Storage", "0.073", group="LocalSSD", unit="GiBy.mo"),
]
A3 = [  # The H100 and the H100 Mega, A3 and A3Plus.
    sku("A3 Instance Core running in Iowa", "0.03"),
    sku("A3 Instance Ram running in Iowa", "0.0025", group="RAM", unit="GiBy.h"),
    sku("Nvidia H100 80GB GPU running in Iowa", "9.8", group="GPU"),
    sku("A3Plus Instance Core running in Iowa", "0.031"),
    sku("A3Plus Instance Ram running in Iowa", "0.0026", group="RAM", unit="GiBy.h"),
    sku("Nvidia H100 80GB Mega GPU running in Iowa", "10.4", group="GPU"),
]


def catalog(skus: list[billing_v1.Sku], *, page_size: int = 5000, looping: bool = False) -> Answer:
    """cloudbilling v1 services.skus.list over REST."""

    def answer(asked: Asked) -> Reply:
        path = "/v1/services/6F81-5844-456A/skus"
        need((asked.method, asked.path) == ("GET", path), f"{asked.method} {asked.path}")
        fields = {name: value for name, value in asked.query.items() if not name.startswith("$")}
        request = _parsed(fields, billing_v1.ListSkusRequest)
        return Reply(_sent(_listed(skus, request, page_size, looping)))

    return answer


def _listed(
    skus: list[billing_v1.Sku], request: billing_v1.ListSkusRequest, page_size: int, looping: bool
) -> billing_v1.ListSkusResponse:
    """One page; tokens are offsets."""
    need(request.currency_code == "USD", "another currency")
    need(request.page_size <= 5000, "at most 5000 a page")
    at = int(request.page_token or 0)
    until = at + page_size
    more = until < len(skus)
    token = ("2" if looping else str(until)) if more or looping else ""
    return billing_v1.ListSkusResponse(skus=skus[at:until], next_page_token=token)


@contextmanager
def grpc_catalog(skus: list[billing_v1.Sku], *, page_size: int = 5000):
    """The same service over gRPC; gives the channel's address."""

    def list_skus(request: billing_v1.ListSkusRequest, context: grpc.ServicerContext) -> Any:
        need(request.parent == "services/6F81-5844-456A", request.parent)
        return _listed(skus, request, page_size, looping=False)

    handler = grpc.method_handlers_generic_handler(
        "google.cloud.billing.v1.CloudCatalog",
        {
            "ListSkus": grpc.unary_unary_rpc_method_handler(
                list_skus,
                request_deserializer=billing_v1.ListSkusRequest.deserialize,
                response_serializer=billing_v1.ListSkusResponse.serialize,
            )
        },
    )
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()


def day(number: int) -> dict[str, str]:
    """The interval of a day of November 2026, by Pacific midnights."""
    return {
        "startTime": f"2026-11-{number:02}T00:00:00-08:00",
        "endTime": f"2026-11-{number + 1:02}T00:00:00-08:00",
    }


def money(usd: str, currency: str = "USD") -> dict[str, Any]:
    units, part = divmod(Decimal(usd), 1)
    return {"currencyCode": currency, "units": str(int(units)), "nanos": int(part * 10**9)}


HISTORY = {
    "machineType": "a3-highgpu-8g",
    "priceHistory": [
        {"interval": day(10), "listPrice": money("20.423033644")},
        {"interval": day(11), "listPrice": money("21.5")},
    ],
    "preemptionHistory": [
        {"interval": day(17), "preemptionRate": 0.25},
        {"interval": day(18), "preemptionRate": 0.5},
    ],
}


def advice(history: dict[str, Any]) -> Answer:
    """compute v1 advice.capacityHistory."""

    def answer(asked: Asked) -> Reply:
        parts = asked.path.strip("/").split("/")
        need(asked.method == "POST" and parts[:3] == ["compute", "v1", "projects"], asked.path)
        need(parts[4] == "regions" and parts[6:] == ["advice", "capacityHistory"], asked.path)
        body = _parsed(asked.json, compute_v1.CapacityHistoryRequest)
        need(body.instance_properties.scheduling.provisioning_model == "SPOT", "only SPOT has a history")
        need(set(body.types) <= {"PREEMPTION", "PRICE"}, f"types are {list(body.types)}")
        compute_v1.CapacityHistoryResponse.from_json(
            json.dumps(history)
        )  # The fake's answer keeps to the proto too.
        return Reply({**history, "machineType": body.instance_properties.machine_type})

    return answer


def recommended(zone: str, machine: str = "a3-highgpu-8g", **scores: Any) -> dict[str, Any]:
    """One recommendation of the capacity advice, for four machines of one zone."""
    shard = {"instanceCount": 4, "machineType": machine, "provisioningModel": "SPOT", "zone": f"zones/{zone}"}
    return {"scores": scores, "shards": [shard]}


ADVICE = {
    "recommendations": [recommended("us-central1-a", obtainability=0.8, estimatedUptime="3600s")],
}


def capacity_advice(answered: dict[str, Any]) -> Answer:
    """compute v1 advice.capacity."""

    def answer(asked: Asked) -> Reply:
        parts = asked.path.strip("/").split("/")
        need(asked.method == "POST" and parts[:3] == ["compute", "v1", "projects"], asked.path)
        need(parts[4] == "regions" and parts[6:] == ["advice", "capacity"], asked.path)
        body = _parsed(asked.json, compute_v1.CapacityAdviceRequest)
        need(body.instance_properties.scheduling.provisioning_model == "SPOT", "only SPOT has scores")
        shapes = compute_v1.CapacityAdviceRequestDistributionPolicy.TargetShape.__members__
        need(body.distribution_policy.target_shape in shapes, body.distribution_policy.target_shape)
        need(all(z.zone.startswith(f"zones/{parts[5]}-") for z in body.distribution_policy.zones), "zones")
        chosen = body.instance_flexibility_policy.instance_selections
        need(body.size >= 1 and all(c.machine_types for c in chosen.values()), "how many of what")
        compute_v1.CapacityAdviceResponse.from_json(json.dumps(answered))
        return Reply(answered)

    return answer


def machine_type(name: str, accelerator: str = "", count: int = 0) -> dict[str, Any]:
    """A machine type, with accelerators where it has any."""
    gpus = [{"guestAcceleratorType": accelerator, "guestAcceleratorCount": count}] if accelerator else []
    return {"name": name, "accelerators": gpus}


LISTED = [  # Zone and machine, as the pages give them.
    ("us-central1-a", machine_type("a3-highgpu-8g", "nvidia-h100-80gb", 8)),
    ("us-central1-a", machine_type("n2-standard-8")),
    ("us-central1-b", machine_type("a3-highgpu-8g", "nvidia-h100-80gb", 8)),
    ("europe-west4-a", machine_type("a9-highgpu-4g", "nvidia-vr200", 4)),
]


def machine_types(
    listed: list[tuple[str, dict[str, Any]]], *, page_size: int = 500, looping: bool = False
) -> Answer:
    """compute v1 machineTypes.aggregatedList; a zone without machines on a page is there with a warning."""

    def answer(asked: Asked) -> Reply:
        path = "/compute/v1/projects/project-1/aggregated/machineTypes"
        need((asked.method, asked.path) == ("GET", path), f"{asked.method} {asked.path}")
        fields = {name: value for name, value in asked.query.items() if not name.startswith("$")}
        request = _parsed(fields, compute_v1.AggregatedListMachineTypesRequest)
        need(request.max_results <= 500, "at most 500 a page")
        at = int(request.page_token or 0)
        items: dict[str, Any] = {"zones/asia-east1-a": {"warning": {"code": "NO_RESULTS_ON_PAGE"}}}
        for zone, machine in listed[at : at + page_size]:
            items.setdefault(f"zones/{zone}", {"machineTypes": []})["machineTypes"].append(machine)
        page: dict[str, Any] = {"items": items}
        if looping or at + page_size < len(listed):
            page["nextPageToken"] = "1" if looping else str(at + page_size)
        compute_v1.MachineTypeAggregatedList.from_json(json.dumps(page))
        return Reply(page)

    return answer


def _parsed(fields: dict[str, Any], message: Any) -> Any:
    """The fields as that message; one it does not have is a broken rule."""
    try:
        return message(json_format.ParseDict(fields, message.pb(message())))
    except json_format.ParseError as unknown:
        raise RuleBroken(str(unknown)) from None


def _sent(message: Any) -> bytes:
    return type(message).to_json(message).encode()
