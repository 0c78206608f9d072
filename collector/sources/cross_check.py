"""A place against the other places of the same list: what a whole snapshot shows and no single row can.

A list that is put together from parts may lack a part in one region: the machine is then
sold at the price of its cores and memory, without its GPU. Such a price is positive, stable
and wrong, and would win every ranking. Rules of `collector.quality` cannot see it, since a row
is judged there alone; a reader that holds a day's whole list can.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

FAR_BELOW: Final = (
    1 / 3
)  # Of the median. Recorded regions lie above .69 of it, machines without GPU below .26.
ENOUGH_PLACES: Final = 3  # Of fewer, nobody can say which one is wrong.
REASON: Final = "on-demand price under a third of the median of its machine over all regions that day"
SPOT_REASON: Final = f"spot price where the {REASON.replace('price', 'price is', 1)}"


def far_below_other_places(sku: pd.Series, at: pd.Series, usd: pd.Series) -> pd.Series:
    """Where an on-demand price is no price of the whole machine.

    Args:
        sku: Machine of each row.
        at: Instant of each row; a day of UTC is one list.
        usd: On-demand price as text. What is no number is left to the rules of `quality`.

    Returns:
        True where it lies under a third of the median of that machine and day, where three
        places or more state one. Only on-demand prices can be held against one another so:
        spot prices of one day do lie that far apart.
    """
    price = pd.to_numeric(usd, errors="coerce")
    places = price.groupby([sku, at.dt.floor("D")])
    enough = places.transform("count") >= ENOUGH_PLACES
    return enough & (price < FAR_BELOW * places.transform("median"))
