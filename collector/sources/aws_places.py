"""Regions an AWS account may use, and zone IDs.

Zone names (`us-east-1a`) are shuffled per account, so pools are known by zone ID only; a
name serves to look the ID up, within the account that gave the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .aws_clients import asking


def open_regions(ec2: Any) -> list[str]:
    """Regions that the account has opted in to, or need not, in order of name.

    Raises:
        SourceSkipped, SourceUnavailable, UnreadableSource: See `aws_clients.asking`.
    """
    with asking(ec2, "describe_regions"):
        found = ec2.describe_regions(AllRegions=False)["Regions"]
        return sorted(region["RegionName"] for region in found)


def zone_ids(ec2: Any) -> dict[str, str]:
    """Zone ID by the account's zone name, local zones too, for the client's region.

    Raises:
        SourceSkipped, SourceUnavailable, UnreadableSource: See `aws_clients.asking`.
    """
    with asking(ec2, "describe_availability_zones"):
        found = ec2.describe_availability_zones(AllAvailabilityZones=True)["AvailabilityZones"]
        return {zone["ZoneName"]: zone["ZoneId"] for zone in found}


def ids_for(ec2: Any, entries: Iterable[Mapping[str, Any]]) -> list[str | None]:
    """The zone ID of each entry: its AvailabilityZoneId, or that of its AvailabilityZone's name.

    Names are looked up only where an ID is missing. None: the account knows no such name.
    """
    given = [(entry.get("AvailabilityZoneId"), entry.get("AvailabilityZone")) for entry in entries]
    names = zone_ids(ec2) if any(not zone for zone, _ in given) else {}
    return [zone or names.get(str(name)) for zone, name in given]
