"""What a trainer is told: `plan.json`, read strictly, obeyed whole or refused.

This is a door of the trainer: standard library only, so that whoever writes plans loads no
torch. A plan names its keys and tokens and never contains them. Its expiry forbids a start and
never stops a running job. Intervals are useful seconds of market time.

`python -m trainer.plan --schema` prints the JSON Schema that stands beside this file.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from .errors import PlanError
from .fields import AtLeast, Count, Ordinal, Seconds, parse_json, read, schema_of, to_dict

__all__ = [
    "SCHEMA_VERSION",
    "Plan",
    "PlanCheckpoint",
    "PlanError",
    "PlanJob",
    "PlanNodes",
    "PlanNotice",
    "PlanPool",
    "PlanService",
    "PlanStores",
    "Provenance",
    "plan_schema",
]  # fmt: skip

SCHEMA_VERSION = 1
CapacityWord = Literal["spot", "on_demand", "reserved", "capacity_block", "flex_start", "bid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanJob:
    """What has to be computed."""

    name: str
    gpus: Ordinal
    useful_hours: Annotated[float, AtLeast(0)]
    state_bytes: Count  # One full, exact checkpoint.


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPool:
    """Where a node runs: provider, region, zone, SKU and capacity type."""

    provider: str
    region: str
    zone_id: str | None  # Or `name:us-east-1a` where only an account's own name is known.
    sku: str
    capacity_type: CapacityWord

    @property
    def key(self) -> str:
        """The pool's name in events and answers: `aws/us-east-1/use1-az4/p5.48xlarge/spot`."""
        return "/".join((self.provider, self.region, self.zone_id or "-", self.sku, self.capacity_type))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanNodes:
    """How many machines, and how far their number may move."""

    count: Ordinal
    gpus_per_node: Count
    min: Ordinal
    max: Ordinal
    on_demand_floor: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCheckpoint:
    """When to save, and how. Intervals are useful seconds."""

    light_every_s: Seconds | None  # Tier W; null saves none.
    full_every_s: Seconds  # Tier F.
    max_lost_work_s: Seconds | None
    asynchronous: bool
    delta: bool
    codec: Literal["none", "auto", "s2z", "s4z"]  # Of full and emergency saves; see `checkpoint.codec`.
    allow_inexact: bool
    retention: Ordinal  # Newest generations kept.


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStores:
    """Where checkpoints go. `key_ref` names an encryption key."""

    local_dir: str
    primary_url: str | None
    replica_urls: tuple[str, ...]
    key_ref: str | None

    def on_this_machine(self) -> PlanStores:
        """Return them with `local_dir` as a plain path: `~` is this machine's, and file:// is its path.

        Raises:
            PlanError: `local_dir` is no folder's address, or a replica's address is empty.
        """
        scheme, _, rest = self.local_dir.rpartition("://")
        if scheme not in ("", "file"):
            raise PlanError(
                f"plan.stores.local_dir is {self.local_dir}; it must be a folder of this machine.",
                fix="Name a bucket in stores.primary_url, and a path in stores.local_dir.",
            )
        if not all(self.replica_urls):
            raise PlanError("plan.stores.replica_urls has an empty address.", fix="Leave it out.")
        return replace(self, local_dir=os.path.expanduser(unquote(rest) if scheme else rest))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanNotice:
    """How much warning to expect before a preemption, and where to listen for it."""

    provider: str
    nominal_s: Seconds
    assumed_s: Seconds
    poll_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanService:
    """Where to report and ask. `token_env` names the environment variable that holds the token."""

    url: str
    token_env: str | None
    directive_every_s: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Which recommendation this plan came from, and what wrote it."""

    recommendation_id: str
    recommendation_sha256: str
    as_of: datetime
    code_version: str
    image_digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One attempt of a run: where, how often to save, where to, and until when it may start."""

    schema_version: Literal[1] = 1
    run_id: str
    attempt: Ordinal  # The fencing epoch of this attempt's checkpoints.
    job: PlanJob
    pool: PlanPool
    fallbacks: tuple[PlanPool, ...]
    nodes: PlanNodes
    checkpoint: PlanCheckpoint
    stores: PlanStores
    notice: PlanNotice
    deadline_at: datetime | None
    budget_usd: Annotated[float, AtLeast(0)] | None
    expires_at: datetime
    service: PlanService | None
    provenance: Provenance

    @classmethod
    def read(cls, source: Path | str | bytes) -> Plan:
        """Read a plan from a file, for this machine; or from the bytes of one, as it is.

        Raises:
            PlanError: The file is absent, newer than this trainer, or not exactly a plan.
        """
        if isinstance(source, bytes):
            return cls.from_dict(parse_json(source, "The plan", PlanError))
        try:
            raw = Path(source).read_bytes()
        except OSError as trouble:
            reason = trouble.strerror or trouble
            raise PlanError(f"Plan {source} cannot be read: {reason}.", fix="Pass --plan FILE.") from None
        plan = cls.from_dict(parse_json(raw, f"Plan {source}", PlanError))
        return replace(plan, stores=plan.stores.on_this_machine())

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Plan:
        """Read a plan from a parsed JSON object; raises PlanError as `read` does."""
        _refuse_other_schema(value.get("schema_version"))
        plan = read(cls, value, "plan", PlanError)
        _refuse_contradictions(plan)
        return plan

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as a JSON object."""
        return to_dict(self)

    def to_json(self) -> str:
        """Return the plan as indented JSON; the same plan always gives the same text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"


def _refuse_other_schema(version: object) -> None:
    if type(version) is int and version > SCHEMA_VERSION:
        raise PlanError(
            f"The plan has schema version {version}; this trainer reads up to {SCHEMA_VERSION}.",
            fix="Upgrade lowtide on this node, or have the plan written by the older service.",
        )


def _refuse_contradictions(plan: Plan) -> None:
    nodes = plan.nodes
    if not nodes.min <= nodes.count <= nodes.max:
        raise PlanError(
            f"The plan wants {nodes.count} nodes, outside its own range of {nodes.min} to {nodes.max}.",
            fix="Correct plan.nodes.",
        )
    if plan.checkpoint.full_every_s <= 0:
        raise PlanError("plan.checkpoint.full_every_s is 0 s: nothing but saving.", fix="Give an interval.")
    if not plan.stores.local_dir or not plan.run_id:
        raise PlanError("The plan names no run_id or no stores.local_dir.", fix="Give both.")


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema of a plan."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Lowtide plan"}
    return {**head, **schema_of(Plan)}


if __name__ == "__main__":
    if sys.argv[1:] != ["--schema"]:
        sys.exit("usage: python -m trainer.plan --schema")
    print(json.dumps(plan_schema(), indent=2))
