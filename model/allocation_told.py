"""What a job that splits is told: what each pool is given, what that costs, and what one pool would cost.

Every figure is of scenarios that had no part in making the allocation.
"""

from __future__ import annotations

from dataclasses import dataclass

from .allocation_pieces import Piece
from .estimate import Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What one pool is given."""

    piece: Piece
    pieces: int
    nodes: int
    share: float  # Of all that is dealt out.
    cost_usd: float  # Mean of its pieces, without what is brought once for the region.


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Cost and finish of one allocation on scenarios that had no part in making it."""

    cost_usd: Spread
    tail_usd: float  # Mean of the dearest share of scenarios (CVaR).
    finish_hours: Spread  # Of all the work.
    p_deadline: float | None  # That all of it is done in time.


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """All pieces in the one pool that is best for it, and what spreading costs and saves beside that."""

    piece: Piece
    nodes: int
    judgement: Judgement
    spreading_usd: float  # Mean of the allocation less mean of this: the price of spreading.
    tail_saved_usd: float  # Tail of this less tail of the allocation.


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Where the pieces of a job go, and why it is worth it."""

    units: int  # GPUs of an elastic job, copies of a sweep.
    held: tuple[Held, ...]  # The most pieces first.
    judgement: Judgement
    alone: Alone | None  # None where no pool holds all pieces.
    considered: int  # Pools.
    simulated: int  # Of those, pools whose scenarios were simulated; the rest were drawn.
    solved_on: int  # Scenarios.
    told_by: int
    optimism: float  # How much dearer than where it was made, relative.
    gap: float  # Relative distance to the best bound.
