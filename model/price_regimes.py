"""Five ways a price may go on, each as a sample of its mean over the next hours over today's price.

    still    nothing changes
    walk     changes come as often and as large as before, and leave the expected price as it is
    trend    the same, but their signs lean as recent ones did
    revert   back to the pool's long-run mean (Ornstein-Uhlenbeck in the log, own speed)
    echo     as past stretches of that length went, here and at siblings

No regime is believed alone: `model.price_forecast` weighs them by how each foretold the past. How
often a price changes is uncertain and drawn too (a gamma belief, siblings first), so a price that
never moved in ten days may move on the eleventh.

Legend: R = regimes, S = sample points, J = changes of one path, Q = levels of a quantile table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .lifetime import Belief, updated
from .price_history import PriceHistory
from .validity import Floats

REGIMES = ("still", "walk", "trend", "revert", "echo")
SAMPLE = 256
MOST_CHANGES = 16  # Of one path; more are added in blocks, whose sums are near normal anyway.
LOOKBACKS = (0.5, 1.0, 2.0, 4.0)  # Horizons back over which signs may have leaned.
LEAST_LOOKBACK_HOURS = 1440.0  # Two months count as a horizon, or a monthly price shows no trend at all.
RATE_DRIFT = 0.5  # Log-sd of how often prices will change over how often they did.
OWN_WEIGHT = 4.0  # Changes, or stretches, after which a pool's own speak as loud as its siblings'.
ASSUMED_RATE = Belief(1.0, 720.0)  # One change a month, worth one change: nobody's measurement.
FARTHEST = 4.0  # No price goes up or down more than e^4 times.
LEVELS = (np.arange(64) + 0.5) / 64
SLOWEST_PER_HOUR, FASTEST_PER_HOUR = 1 / 87_600, 1.0
PRIOR_SPEED_PER_HOUR, PRIOR_SPEED_HOURS = 1 / 720, 720.0
MOST_UNSURE = 4.0  # A past shorter than the return itself says no less of the mean than this.
ROUNDING = 1e-14  # A variance of logs below this is none.
LOOKS = 120  # At evenly spaced instants, to see how fast a price returns.


@dataclass(frozen=True, eq=False)
class PriceFamily:
    """What siblings, or nobody, let one expect of a pool's price before its own past is read."""

    rate: Belief = ASSUMED_RATE
    size_Q: Floats = field(  # Size of one change of log price: .2 % to 40 %, half of them below 3 %.
        default_factory=lambda: np.asarray(0.03 * np.exp(1.2 * special.ndtri(LEVELS)))
    )
    echo: tuple[tuple[float, Floats], ...] = ()  # (hours, ratios at LEVELS), shortest first.
    pools: int = 0

    def echo_Q(self, hours: float) -> Floats | None:
        """Return siblings' past ratios over a horizon; between two known ones, in the log of hours."""
        if not self.echo:
            return None
        known = np.log([h for h, _ in self.echo])
        table = np.array([ratios for _, ratios in self.echo])
        place = float(np.interp(np.log(hours), known, np.arange(len(known))))
        low = int(place)
        high = min(low + 1, len(known) - 1)
        return np.asarray(table[low] + (place - low) * (table[high] - table[low]))


@lru_cache(maxsize=1)
def _chance() -> dict[str, Floats]:
    """Return the fixed uniforms of every sample: the same for all pools, so that they compare."""
    rng = np.random.default_rng(20_260)
    even = (np.arange(SAMPLE) + 0.5) / SAMPLE
    rows = {
        name: rng.permutation(even) for name in ("rate", "drift", "count", "level", "pick", "past", "lasting")
    }
    paths = {name: rng.random((SAMPLE, MOST_CHANGES)) for name in ("when", "size", "sign", "own")}
    return rows | paths


@lru_cache(maxsize=1)
def _size_level() -> NDArray[np.int_]:
    """Return which level of a size table each change of each path takes."""
    return (_chance()["size"] * LEVELS.size).astype(int)


def ratios(known: PriceHistory, family: PriceFamily, hours: float, most_ratio: float) -> Floats:
    """Return R x S means over the next hours over today's price, none above `most_ratio`."""
    found = np.ones((len(REGIMES), SAMPLE))
    counts = _counts(known, family, hours)
    sizes = _sizes(known, family)
    found[1] = _paths(counts, sizes, np.zeros(SAMPLE), most_ratio)
    found[2] = _paths(counts, sizes, _leans(known, hours), most_ratio)
    found[3] = _reverting(known, hours)
    found[4] = _echo(known, family, hours)
    return np.minimum(found, most_ratio)


def _counts(known: PriceHistory, family: PriceFamily, hours: float) -> Floats:
    """Return S counts of changes: Poisson at rates of the updated belief."""
    belief = updated(family.rate, known.changes, known.known_hours)
    drift = np.exp(RATE_DRIFT * special.ndtri(_chance()["drift"]) - RATE_DRIFT**2 / 2)
    mean = special.gammaincinv(belief.shape, _chance()["rate"]) / belief.rate_hours * drift * hours
    chance = _chance()["count"]
    few, term = np.zeros(SAMPLE), np.exp(-mean)
    below = term.copy()
    for count in range(1, MOST_CHANGES + 1):  # Inverse of the Poisson distribution, from none up.
        few += below < chance
        term = term * mean / count
        below += term
    many = np.rint(mean + np.sqrt(mean) * special.ndtri(chance))
    return np.where(few < MOST_CHANGES, few, np.maximum(many, MOST_CHANGES))


def _sizes(known: PriceHistory, family: PriceFamily) -> Floats:
    """Return S x J sizes of changes, from the pool's own where it has many, else its family's."""
    level = _size_level()
    theirs = family.size_Q[level]
    if not known.changes:
        return np.asarray(theirs)
    own = np.quantile(np.abs(known.log_change_K), LEVELS)[level]
    return np.where(_chance()["own"] < known.changes / (known.changes + OWN_WEIGHT), own, theirs)


def _leans(known: PriceHistory, hours: float) -> Floats:
    """Return S leans of signs, -1 to 1: how one-sided changes were over one of several pasts each.

    As if one more change of mean size had gone neither way; and no trend is sure to last, so a
    random share of it does.
    """
    change, age = known.log_change_K, known.until_hour - known.hour_K[1:]
    leans = np.zeros(len(LOOKBACKS))
    for which, horizons in enumerate(LOOKBACKS):
        recent = change[age < max(horizons * hours, horizons * LEAST_LOOKBACK_HOURS)]
        if recent.size:
            leans[which] = recent.sum() / np.abs(recent).sum() / (1.0 + 1.0 / recent.size)
    place = (_chance()["past"] * len(LOOKBACKS)).astype(int)
    return np.asarray(leans[place] * _chance()["lasting"])


def _paths(counts: Floats, sizes: Floats, lean_S: Floats, most_ratio: float) -> Floats:
    """Return S means of step paths whose changes' signs lean one way.

    Without a lean the expected price stays: a rise of e^x is as much likelier undone as it is larger
    in money than the fall, chance 1 / (1 + e^x).
    """
    chance = _chance()
    shown = np.minimum(counts, MOST_CHANGES)[:, None]
    place, lean = np.arange(MOST_CHANGES), lean_S[:, None]
    block = np.maximum(counts / MOST_CHANGES, 1.0)[:, None]
    size = np.sqrt(block) * sizes
    signed = np.where(chance["sign"] < special.expit(-size) + 0.5 * lean, size, -size)
    drift = lean * sizes.mean() * (block - np.sqrt(block))
    change = np.where(place < shown, signed + drift, 0.0)
    when = np.sort(np.where(place < shown, chance["when"], 1.0), axis=1)
    level = np.minimum(np.exp(np.clip(np.cumsum(change, axis=1), -FARTHEST, FARTHEST)), most_ratio)
    held = np.diff(when, axis=1, append=1.0)
    return np.asarray(when[:, 0] + (held * level).sum(axis=1))


def _reverting(known: PriceHistory, hours: float) -> Floats:
    """Return S ratios of a price on its way back to its long-run mean."""
    mean, variance, speed = _long_run(known)
    x = max(hours * speed, 1e-3)
    unsure = min(
        2.0 / max(known.known_hours * speed, 1e-9), MOST_UNSURE
    )  # Variance of the mean, of the price's.
    kept = -np.expm1(-x) / x
    away = (np.log(known.price_usd_per_hour) - mean) * kept
    left = (2 * x - 3 + 4 * np.exp(-x) - np.exp(-2 * x)) / x**2
    log_mean = mean + away - np.log(known.price_usd_per_hour)
    doubt = variance * (1.0 + unsure) * max(left, 0.0) + variance * unsure * (1.0 - kept) ** 2
    spread = np.sqrt(doubt) * special.ndtri(_chance()["level"])
    return np.asarray(np.exp(np.clip(log_mean + spread, -FARTHEST, FARTHEST)))


def _long_run(known: PriceHistory) -> tuple[float, float, float]:
    """Return mean and variance of log price by time, and the speed of return per hour."""
    gap = known.known_hours / LOOKS
    if gap <= 0 or not known.changes:
        return float(np.log(known.price_usd_per_hour)), 0.0, PRIOR_SPEED_PER_HOUR
    logs = np.log(known.price_at(known.hour_K[0] + gap * (np.arange(LOOKS) + 0.5)))
    off = logs - logs.mean()
    variance = float(np.mean(off**2))
    if variance < ROUNDING:
        return float(logs.mean()), 0.0, PRIOR_SPEED_PER_HOUR
    kept = float(np.clip(np.mean(off[1:] * off[:-1]) / variance, 1e-6, 1 - 1e-6))
    own = float(np.clip(-np.log(kept) / gap, SLOWEST_PER_HOUR, FASTEST_PER_HOUR))
    trust = known.known_hours / (known.known_hours + PRIOR_SPEED_HOURS)
    return float(logs.mean()), variance, own**trust * PRIOR_SPEED_PER_HOUR ** (1.0 - trust)


def _echo(known: PriceHistory, family: PriceFamily, hours: float) -> Floats:
    """Return S past ratios, own and siblings'; no change where neither has a past that long."""
    chance, theirs = _chance(), family.echo_Q(hours)
    own = known.mean_ratios(hours, 64)
    if not own.size:
        return np.ones(SAMPLE) if theirs is None else np.interp(chance["level"], LEVELS, theirs)
    mine = np.quantile(own, chance["level"])
    if theirs is None:
        return mine
    alone = (known.known_hours - hours) / hours
    return np.where(
        chance["pick"] < alone / (alone + OWN_WEIGHT), mine, np.interp(chance["level"], LEVELS, theirs)
    )
