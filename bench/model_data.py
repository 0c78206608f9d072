"""Recorded series as the model takes them: any folder laid out like spot-traces/.

{availability|preemption}/{n}-node/{provider}-{day}/{zone}_{machine}_{count}.json
{"metadata": {"gap_seconds": 195}, "data": [1, 1, 0, …]}
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.watched import Place, Watched, watch

PLACE = re.compile(r"(availability|preemption)/(\d+)-node/([^/]+)/([^/_]+)_([^/]+)\.json$")


@dataclass(frozen=True)
class Recorded:
    """One folder of series: a provider's pools, watched together."""

    name: str
    what: str  # availability | preemption
    pools: list[Watched]  # The share of the wanted nodes that was there.
    slots: list[list[Watched]]  # By pool: one series per node, up while at least so many were there.

    def split_ticks(self, index: int) -> int:
        """The tick that begins the second half of a pool's series."""
        return self.pools[index].ticks // 2


def recorded_sets(root: Path) -> list[Recorded]:
    """Return every set under a folder, availability first."""
    found: dict[tuple[str, str], list[tuple[Watched, list[Watched]]]] = {}
    for path in sorted(root.rglob("*.json")):
        match = PLACE.search(path.resolve().as_posix())
        if match:
            what, nodes, folder, zone, machine = match.groups()
            name = folder if nodes == "1" else f"{folder} x{nodes}"
            found.setdefault((what, name), []).append(_series(path, int(nodes), folder, zone, machine))
    return [
        Recorded(name, what, [pool for pool, _ in read], [slots for _, slots in read])
        for (what, name), read in sorted(found.items())
    ]


def region_of(zone: str) -> str:
    """Return the region a zone's name begins with: us-east-1a, us-central1-a, eastus-1."""
    head, dash, tail = zone.rpartition("-")
    return head if dash and len(tail) == 1 else zone[:-1]


def _series(path: Path, nodes: int, folder: str, zone: str, machine: str) -> tuple[Watched, list[Watched]]:
    content = json.loads(path.read_text())
    count_T = np.array([np.nan if value is None else value for value in content["data"]], dtype=float)
    gpu = machine.rsplit("_", 1)[0]
    provider = folder.partition("-")[0]
    place = Place(family=f"{provider}/{gpu}", region=region_of(zone), zone=zone, pool=path.stem)
    tick_hours = float(content["metadata"]["gap_seconds"]) / 3600.0
    unseen_T = np.isnan(count_T)
    slots = [np.where(unseen_T, np.nan, count_T >= slot) for slot in range(1, nodes + 1)]
    return (
        watch(place, np.clip(count_T / nodes, 0.0, 1.0), tick_hours),
        [watch(place, slot_T, tick_hours) for slot_T in slots],
    )
