"""What moving bytes costs, and how long it takes. Tariffs come from outside, with their source."""

from __future__ import annotations

from .job import SECONDS_PER_HOUR
from .validity import quantity

BYTES_PER_GB = 1e9  # Decimal: a tariff per GiB is then overstated by 7 %, never understated.


def egress_usd(moved_bytes: float, usd_per_gb: float) -> float:
    """Return USD for bytes leaving a region or provider (F17).

    Raises:
        ImpossibleInput: Bytes or tariff are negative or not finite.
    """
    moved = float(quantity("Moved data", moved_bytes, "bytes"))
    return moved / BYTES_PER_GB * float(quantity("Egress tariff", usd_per_gb, "USD/GB"))


def move_hours(moved_bytes: float, bytes_per_s: float) -> float:
    """Return clock hours to move bytes at a sustained bandwidth.

    Raises:
        ImpossibleInput: Bytes are negative, or the bandwidth is not above 0.
    """
    bandwidth = float(quantity("Bandwidth", bytes_per_s, "bytes/s", above_zero=True))
    return float(quantity("Moved data", moved_bytes, "bytes")) / bandwidth / SECONDS_PER_HOUR


def storage_usd_per_hour(kept_bytes: float, usd_per_gb_month: float) -> float:
    """Return USD per hour for keeping bytes, a month taken as 730 h (F17).

    Raises:
        ImpossibleInput: Bytes or tariff are negative or not finite.
    """
    kept = float(quantity("Kept data", kept_bytes, "bytes"))
    return kept / BYTES_PER_GB * float(quantity("Storage tariff", usd_per_gb_month, "USD/GB-month")) / 730.0
