"""The worked example every spot calculator starts from, as an accounting mode of its own.

Lost hours are an input here and not a consequence: no hazard, no gap, no egress, no spread.
The stochastic model meets it where those are nil; it is never derived from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from .errors import ImpossibleInput
from .validity import quantity

Rerun = Literal["on_demand", "spot"]
MODE = "article_simple"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleCase:
    """Hours on spot, and lost hours done again on on-demand (as the article has it) or on spot.

    Amounts may be given as int, str or Decimal; money comes out as Decimal.

    Raises:
        ImpossibleInput: An amount is negative or not finite, the on-demand price or the hours
            are 0, or `rerun` names neither.
    """

    hours: Decimal
    price_spot: Decimal  # USD per hour.
    price_on_demand: Decimal  # USD per hour.
    lost_hours: Decimal  # Stall, rerun and restart together.
    rerun: Rerun = "on_demand"

    def __post_init__(self) -> None:
        for name in ("hours", "price_spot", "price_on_demand", "lost_hours"):
            amount = Decimal(str(getattr(self, name)))
            positive = name in ("hours", "price_on_demand")
            quantity(name, float(amount), "USD/h" if "price" in name else "h", above_zero=positive)
            object.__setattr__(self, name, amount)
        if self.rerun not in ("on_demand", "spot"):
            raise ImpossibleInput(f"Rerun is {self.rerun!r}.", fix="Use on_demand or spot.")

    @property
    def price_rerun(self) -> Decimal:
        """USD per hour of work done again."""
        return self.price_on_demand if self.rerun == "on_demand" else self.price_spot

    @property
    def cost(self) -> Decimal:
        """USD: hours on spot and lost hours at the rerun's price (F0)."""
        return self.hours * self.price_spot + self.lost_hours * self.price_rerun

    @property
    def baseline(self) -> Decimal:
        """USD on on-demand, where nothing is lost."""
        return self.hours * self.price_on_demand

    @property
    def savings(self) -> Decimal:
        """1 - cost / baseline; negative where spot ends dearer."""
        return 1 - self.cost / self.baseline

    @property
    def finish_hours(self) -> Decimal:
        """Clock hours to the end: the work and the work done again."""
        return self.hours + self.lost_hours

    @property
    def breakeven_lost_hours(self) -> Decimal | None:
        """Lost hours at which spot costs what on-demand does; None where no loss would reach it.

        0 or less where spot is no cheaper to begin with.
        """
        if self.price_rerun == 0:
            return None
        return (self.baseline - self.hours * self.price_spot) / self.price_rerun
