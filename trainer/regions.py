"""Regional sub-training as `lowtide-run` is told of it: which region this is, where all meet, how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from .checkpoint.stores import open_store
from .errors import PlanError
from .regional import Exchange, FirstRankMeets, OuterStep
from .rounds import StoreExchange
from .world import PATIENCE, World


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionOptions:
    """What all regions agree on, and which of them this is."""

    region: str
    regions: tuple[str, ...]
    outer_url: str  # A bucket or folder that every region reaches; apart from the checkpoints.
    outer_every: int = 500  # Inner steps between two meetings.
    outer_patience_s: float = 300.0
    outer_dtype: str = "float32"

    @property
    def config(self) -> dict[str, Any]:
        """What a checkpoint of this region remembers."""
        return {"region": self.region, "regions": sorted(self.regions), "outer_every": self.outer_every}


def read_region_options(options: dict[str, Any]) -> RegionOptions | None:
    """Return the options of a command line, None where it names no region.

    Raises:
        PlanError: It names only some of region, regions and outer_url.
    """
    told = {name: options[name] for name in ("region", "regions", "outer_url") if options[name] is not None}
    if not told:
        return None
    if len(told) < 3:
        missing = sorted({"region", "regions", "outer_url"} - told.keys())
        words = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise PlanError(f"A region trains with others, and {words} is not given.", fix=f"Pass {words}.")
    regions = tuple(options["regions"].split(","))
    return RegionOptions(**{**options, "regions": regions})


def outer_step_of(
    model: nn.Module, options: RegionOptions, world: World, steps: int, is_stopping: Callable[[], bool]
) -> OuterStep:
    """Return this region's outer step; of several ranks here the first one meets the other regions.

    Raises:
        PlanError: Training would end between two meetings, or wait for longer than a rank is waited for.
    """
    if steps % options.outer_every:
        raise PlanError(
            f"{steps} steps with a meeting every {options.outer_every} end between two meetings.",
            fix="Pass --steps as a multiple of --outer-every.",
        )
    if world.size > 1 and options.outer_patience_s > PATIENCE.total_seconds() / 2:
        raise PlanError(
            f"Ranks here wait {PATIENCE.total_seconds():g} s for the one that meets the other regions.",
            fix=f"Pass --outer-patience-s of at most {PATIENCE.total_seconds() / 2:g}.",
        )
    exchange: Exchange = StoreExchange(
        open_store(options.outer_url),
        options.region,
        options.regions,
        patience_s=options.outer_patience_s,
        dtype=options.outer_dtype,
        is_stopping=is_stopping,
    )
    if world.size > 1:
        exchange = FirstRankMeets(exchange, world)
    return OuterStep(model, exchange, every_steps=options.outer_every)
