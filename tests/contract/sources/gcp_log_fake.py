"""Fakes of Cloud Logging's entries:list and of Compute's instances.get, by their documented fields."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from json_fake import Answer, Asked, Reply, need

FIELDS = {"resourceNames", "filter", "orderBy", "pageSize", "pageToken"}
FILTER = re.compile(
    r'logName="projects/project-1/logs/cloudaudit\.googleapis\.com%2Fsystem_event"'
    r' AND protoPayload\.methodName="compute\.instances\.preempted"'
    r' AND timestamp>="(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"'
)


def entry(
    operation: str, at: str, *, number: str = "184448819", zone: str = "us-central1-a", **changes: Any
) -> dict[str, Any]:
    """One entry as Google writes it, with the address of whoever acted."""
    return {
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "status": {"message": "Instance was preempted."},
            "authenticationInfo": {"principalEmail": "system@google.com"},
            "serviceName": "compute.googleapis.com",
            "methodName": "compute.instances.preempted",
            "resourceName": f"projects/project-1/zones/{zone}/instances/alices-run",
        },
        "insertId": "qnwer3e38dfz",
        "resource": {
            "type": "gce_instance",
            "labels": {"instance_id": number, "project_id": "project-1", "zone": zone},
        },
        "timestamp": at,
        "severity": "INFO",
        "logName": "projects/project-1/logs/cloudaudit.googleapis.com%2Fsystem_event",
        "operation": {
            "id": operation,
            "producer": "compute.instances.preempted",
            "first": True,
            "last": True,
        },
        "receiveTimestamp": at,
        **changes,
    }


TWICE = [  # One machine, preempted twice; the second preemption stands there as a pair.
    entry("systemevent-1-aa", "2026-11-19T08:00:00.325309Z"),
    entry("systemevent-2-bb", "2026-11-19T17:30:00.782066320Z"),
    entry("systemevent-2-bb", "2026-11-19T17:30:31Z"),
]


def log(entries: list[dict[str, Any]], *, page_size: int = 1000, looping: bool = False) -> Answer:
    """logging v2 entries.list: filters by time, orders, and gives an empty page before the last one."""

    def answer(asked: Asked) -> Reply:
        need((asked.method, asked.path) == ("POST", "/v2/entries:list"), f"{asked.method} {asked.path}")
        need(asked.headers.get("Authorization", "").startswith("Bearer "), "no token")
        body = asked.json
        need(set(body) <= FIELDS, f"fields {sorted(body)}")
        need(body["resourceNames"] == ["projects/project-1"], f"resources {body['resourceNames']}")
        need(body["orderBy"] in ("timestamp asc", "timestamp desc"), body["orderBy"])
        need(1 <= body["pageSize"] <= 1000, f"{body['pageSize']} entries a page")
        asked_for = FILTER.fullmatch(body["filter"])
        need(asked_for, body["filter"])
        from_at = datetime.fromisoformat(asked_for[1])
        found = [e for e in entries if datetime.fromisoformat(e["timestamp"]) >= from_at]
        at = int(body.get("pageToken") or 0)
        page: dict[str, Any] = {"entries": found[at : at + page_size]} if found[at:] else {}
        more = at + page_size < len(found) + page_size  # So the last page is an empty one.
        if looping or (page_size < 1000 and more):
            page["nextPageToken"] = "1" if looping else str(at + page_size)
        return Reply(page)

    return answer


def instances(machines: dict[str, str]) -> Answer:
    """compute v1 instances.get, by the number of the machine; 404 where it is gone."""

    def answer(asked: Asked) -> Reply:
        path = re.fullmatch(r"/compute/v1/projects/project-1/zones/([a-z0-9-]+)/instances/(\d+)", asked.path)
        need(asked.method == "GET" and path, f"{asked.method} {asked.path}")
        need(set(asked.query) <= {"fields"}, f"parameters {sorted(asked.query)}")
        zone, number = path[1], path[2]
        if number not in machines:
            return Reply({"error": {"code": 404, "message": "not found"}}, status=404)
        kind = f"https://www.googleapis.com/compute/v1/projects/project-1/zones/{zone}/machineTypes/{machines[number]}"
        return Reply({"machineType": kind})

    return answer
