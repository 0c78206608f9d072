"""Numbers as people read them: the one place where anything is rounded.

Units stand with the number; unknown is a dash, never a zero; a spread shows its interval.
Standard library only, for the pages import this too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

UNKNOWN = "–"
Number = int | float | Decimal
Figure = Mapping[str, Any]  # Of a backtest, as the service tells it.
FIGURES = {  # Of a backtest -> what it is called, and how many digits it is told with.
    "brier": ("Brier score", 4),
    "log_loss": ("log-loss", 4),
    "calibration_error": ("calibration error", 4),
    "life_coverage_80": ("lives inside P10 – P90", 3),
    "life_crps_24h": ("CRPS of lives to 24 h", 3),
    "life_log_likelihood": ("log-likelihood of lives", 3),
    "finish_coverage_80": ("finish inside P10 – P90", 3),
    "finish_crps": ("CRPS of finish", 2),
    "cost_coverage_80": ("cost inside P10 – P90", 3),
    "cost_crps": ("CRPS of cost", 2),
    "regret_usd": ("regret of the first choice", 2),
    "regret_share": ("regret of the first choice", 3),
    "saving_share": ("saving against on-demand", 3),
}


def usd(amount: Number | None, places: int = 2) -> str:
    """Return money: `$1,234.50`, `-$3.00`, a dash for unknown."""
    if amount is None:
        return UNKNOWN
    shown = f"{float(amount):,.{places}f}"
    return f"-${shown[1:]}" if shown.startswith("-") else f"${shown}"


def price(amount: Number | None) -> str:
    """Return a price of something: cents above a dollar, hundredths of a cent below."""
    return UNKNOWN if amount is None else usd(amount, 2 if abs(float(amount)) >= 1 else 4)


def usd_per_hour(amount: Number | None) -> str:
    """Return a price per hour."""
    return UNKNOWN if amount is None else f"{price(amount)}/h"


def hours(amount: Number | None) -> str:
    """Return a length of time given in hours: `45 s`, `31 min`, `5.2 h`, `3.5 d`."""
    return UNKNOWN if amount is None else seconds(float(amount) * 3600)


def seconds(amount: Number | None) -> str:
    """Return a length of time given in seconds, in the unit a person would say it in."""
    if amount is None:
        return UNKNOWN
    length = float(amount)
    if abs(length) < 99.5:
        return f"{length:.0f} s"
    if abs(length) < 99.5 * 60:
        return f"{length / 60:.0f} min"
    if abs(length) < 99.5 * 3600:
        return f"{length / 3600:.1f} h"
    return f"{length / 86400:.1f} d"


def age(amount_s: Number | None) -> str:
    """Return how old something is: `5 min old`, `age unknown`."""
    return "age unknown" if amount_s is None else f"{seconds(amount_s)} old"


def percent(share: Number | None, places: int = 0) -> str:
    """Return a share as a percentage: 0.6167 is `62 %`; nearly all is not all."""
    if share is None:
        return UNKNOWN
    shown = f"{share * 100:.{places}f}"
    if float(shown) == 100 and share < 1:
        return f">{100 - 10**-places:.{places}f} %"
    if float(shown) == 0 and share > 0:
        return f"<{10**-places:.{places}f} %"
    return f"{shown} %"


def per_hour(hazard: Number | None) -> str:
    """Return a hazard with three significant digits: `0.213/h`."""
    return UNKNOWN if hazard is None else f"{hazard:.3g}/h"


def count(number: Number | None) -> str:
    """Return a whole number with thousands marked."""
    return UNKNOWN if number is None else f"{number:,.0f}"


def size(amount_bytes: Number | None) -> str:
    """Return bytes in decimal units: `360 GB`."""
    if amount_bytes is None:
        return UNKNOWN
    left = float(amount_bytes)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if left < 999.5:
            return f"{left:.3g} {unit}"
        left /= 1000
    return f"{left:.3g} PB"


def instant(at: datetime | str | None) -> str:
    """Return an instant in UTC to the minute: `2026-01-31 12:00 UTC`."""
    if at is None:
        return UNKNOWN
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def spread_usd(spread: Mapping[str, float] | None, places: int = 2) -> str:
    """Return money with its interval: `$12.40 ($11.90 – $13.60)`, the mean and P10 to P90."""
    if spread is None:
        return UNKNOWN
    mean, low, high = (usd(spread[name], places) for name in ("mean", "p10", "p90"))
    return f"{mean} ({low} – {high})"


def spread_hours(spread: Mapping[str, float] | None) -> str:
    """Return a length of time with its interval: `30.1 h (27.2 h – 33.9 h)`, the median and P10 to P90."""
    if spread is None:
        return UNKNOWN
    median, low, high = (hours(spread[name]) for name in ("p50", "p10", "p90"))
    return f"{median} ({low} – {high})"


def figure_name(figure: Figure) -> str:
    """Return what a figure is called, with its horizon and unit."""
    name = FIGURES.get(figure["figure"], (figure["figure"], 4))[0]
    ahead = "" if figure["horizon_hours"] is None else f" {figure['horizon_hours']:g} h ahead"
    return f"{name}{ahead}, {figure['unit']}"


def figure_number(figure: Figure, value: float | None) -> str:
    """Return a value of a figure with as many digits as it deserves."""
    places = FIGURES.get(figure["figure"], ("", 4))[1]
    return UNKNOWN if value is None else f"{value:,.{places}f}"


def figure_interval(figure: Figure) -> str:
    """Return a figure with its 90 % interval."""
    value, low, high = (figure_number(figure, figure[name]) for name in ("value", "low", "high"))
    return f"{value} ({low} – {high})"


def figure_verdict(figure: Figure) -> str:
    """Return whether a figure is better than its baseline, by the interval of their difference."""
    low, high = figure["apart_low"], figure["apart_high"]
    if low is None or high is None or figure["better"] == "nominal":
        return ""
    if low <= 0.0 <= high:
        return "no difference shown"
    return "better" if (high < 0.0) == (figure["better"] == "lower") else "worse"


def backtest_headline(answer: Figure) -> str:
    """Return what was backtested, over what, and how."""
    return (
        f"{answer['name']}: {answer['origins']} origins {answer['every_hours']:g} h apart on "
        f"{answer['pools']} pools, {instant(answer['from_at'])} to {instant(answer['until_at'])}"
    )
