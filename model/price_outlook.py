"""What an estimate knows of a pool's price to come: its steps up to now, and what its family taught.

The same two things give every horizon, so one outlook serves every job. Nothing after the instant
the history ends at is in it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from numpy.typing import ArrayLike

from .price_forecast import PriceLaw, price_draws
from .price_history import PriceHistory
from .validity import Floats


@dataclass(frozen=True, eq=False, repr=False)
class PriceOutlook:
    """One pool's price history with its family's law.

    Two of the same content are equal and read the same, so that answers may be kept by them.
    """

    history: PriceHistory
    law: PriceLaw = field(default_factory=PriceLaw)

    def draws(
        self, uniform_D: ArrayLike, hours: float, *, on_demand_usd_per_hour: float | None = None
    ) -> Floats:
        """Return D mean prices over the next hours, rising with the uniforms (`price_draws`)."""
        return price_draws(
            uniform_D, self.history, hours, on_demand_usd_per_hour=on_demand_usd_per_hour, law=self.law
        )

    @property
    def words(self) -> str:
        """What it rests on, for a person."""
        known, siblings = self.history, self.law.family.pools
        own = f"{known.changes} price changes in {known.known_hours / 24:.0f} days"
        return f"{own} and {siblings} pools of its family" if siblings else own

    @property
    def digest(self) -> str:
        """A name of everything in it."""
        found = hashlib.sha256(repr((self.history.until_hour, self.law.family.rate)).encode())
        arrays = [self.history.hour_K, self.history.price_K, self.law.family.size_Q]
        arrays += [ratios for _, ratios in self.law.family.echo]
        for _, lessons in self.law.lessons:
            arrays += [lessons.chance_NR, lessons.worth_N]
        for values in arrays:
            found.update(values.tobytes())
        return found.hexdigest()

    def __repr__(self) -> str:
        return f"PriceOutlook({self.digest})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PriceOutlook) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)
