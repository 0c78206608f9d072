"""The allocation of a job that splits: which ranked pools are asked, and what comes of it.

Pools have passed residency, quotas and the other rules, and were estimated; of each region, GPU
model and way of buying the best come first, for a second zone is worth a tenth of a second region.
A refusal is an answer too, and names what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from model.allocation_pieces import Courses, Piece, piece_of
from model.allocation_split import split
from model.allocation_told import Split
from model.errors import LowtideError
from model.job import Job
from model.market import CapacityType
from model.siting import DataWay

if TYPE_CHECKING:
    from .options import Option

STEADY = 3  # On-demand pools among them at least, where there are so many.
MOST = 12  # Pools that an allocation chooses among: solved in a fraction of a second.


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotted:
    """Where the parts of a job go, or why that cannot be said."""

    found: Split | None
    refused: str | None
    fix: str | None
    seed: int


def allotted(
    job: Job, options: Sequence[Option], *, as_of: datetime, seed: int, draws: int,
    courses: Courses | None = None,
) -> Allotted | None:  # fmt: skip
    """Return how a job that splits is dealt out over ranked options; None for a gang of one copy.

    Args:
        job: What has to be computed.
        options: Ranked, best first, with their sitings.
        as_of: When the job starts.
        seed: Of the luck.
        draws: Scenarios; half of them solve, half of them tell.
        courses: Simulates courses; None where the closed form is to stand.
    """
    if not job.splits:
        return None
    if job.soft or job.floor_nodes:
        what = "lateness at a price" if job.soft else "on-demand floor"
        line = "deadline_kind" if job.soft else "floor_nodes"
        return Allotted(
            found=None,
            refused=f"To deal nodes out over pools knows no {what}, which this job states.",
            fix=f"Leave {line} out to see one.",
            seed=seed,
        )
    try:
        found = split(job, _pieces(job, options), scenarios=draws, seed=seed, from_at=as_of, courses=courses)
    except LowtideError as why:
        return Allotted(found=None, refused=why.seen, fix=why.fix, seed=seed)
    return Allotted(found=found, refused=None, fix=None, seed=seed)


def _pieces(job: Job, options: Sequence[Option]) -> list[Piece]:
    """Return a piece on each pool in question, by pool key."""
    found = [_piece(job, option) for option in considered(options)]
    return sorted(found, key=lambda piece: piece.place.name)


def _piece(job: Job, option: Option) -> Piece:
    afar = option.siting is not None and option.siting.chosen.siting.data is DataWay.READ
    return piece_of(job, option.estimate.statistics, option.side, read_afar=afar)


def considered(options: Sequence[Option], most: int = MOST) -> list[Option]:
    """Return the options that an allocation chooses among: the best of each kind, on-demand too.

    A kind is a region, a GPU model and a way of buying; what was bought for a term is left out.
    """
    turns: dict[tuple[str, ...], int] = {}
    keyed = []
    for option in sorted(options, key=lambda each: each.rank):
        if option.commitment is None:
            pool = option.pool
            model = option.estimate.statistics.sku.gpu_model
            kind = pool.provider, pool.region, model, pool.capacity_type.value
            turns[kind] = turns.get(kind, -1) + 1
            keyed.append((turns[kind], option.rank, option))
    kept = [option for _, _, option in sorted(keyed, key=lambda each: each[:2])]
    steady = [option for option in kept if option.pool.capacity_type is CapacityType.ON_DEMAND]
    spot = [option for option in kept if option not in steady]
    room = max(
        most - len(spot), min(STEADY, len(steady))
    )  # On-demand pools differ by little but their region.
    return [*spot[: most - min(room, len(steady))], *steady[:room]]
