"""A commitment at a place: which machines it covers, for a job to name beside the market's pools."""

from __future__ import annotations

from dataclasses import dataclass

from .commitments import Commitment, CommitmentKind
from .market import CapacityType, Pool

CAPACITY = {
    CommitmentKind.RESERVATION: CapacityType.RESERVED,
    CommitmentKind.CAPACITY_BLOCK: CapacityType.CAPACITY_BLOCK,
    CommitmentKind.FLEX_START: CapacityType.FLEX_START,
    CommitmentKind.DISCOUNT: CapacityType.ON_DEMAND,  # A price, and no capacity of its own.
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """A commitment and the machines it is of."""

    commitment: Commitment
    provider: str
    region: str
    zone: str | None
    sku: str
    gpu_model: str | None = None  # None: as the market knows the machine.
    gpu_count: int | None = None

    @property
    def pool(self) -> Pool:
        """The pool its machines come from."""
        return Pool(
            provider=self.provider,
            region=self.region,
            zone=self.zone,
            sku=self.sku,
            capacity_type=CAPACITY[self.commitment.kind],
        )
