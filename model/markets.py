"""Which market a simulated job is put on: history played again, lives drawn from laws, or both.

Neither is true alone: history repeats regimes that were seen and no others, laws allow others but
forget what follows what. Most paths replay where history is long; the shorter it is, the
more are drawn from laws, all of them where nothing like now was ever followed.

Legend: P = paths, N = paths asked about, S = sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .alike import FOLLOWED_HOURS, NEAR_REGION, Candidates, Instants, instants_of, ordered
from .errors import ImpossibleInput, InsufficientHistory
from .lives import LifeBelief, LifeLaw, fit_lives
from .luck import uniforms
from .observed import RECENT_WINDOWS, lives_of, recent_ahead
from .renewed import Renewed, Standing, standing
from .replayed import Replayed, Sources
from .runs import Runs, runs_of
from .spells import Market
from .validity import Floats
from .watched import Bools, Ints, Place, Watched

REPLAYED_SHARE = 0.8  # Of paths, where history is long.
REPLAYED_HOURS = 1000.0  # Pool-hours of a family's history at which it is half of that.
OWN_HOURS = 72.0  # Of own history at which half of the later blocks are the pool's own.
UNKNOWN_SHARE, UNKNOWN_AGE_HOURS = 0.5, 1.0  # Where neither a pool nor a sibling was ever watched.


@dataclass(frozen=True, slots=True)
class Past:
    """All that was seen by now, and what was learned from it; made by `past_of`."""

    pools: tuple[Watched, ...]
    places: tuple[Place, ...]  # Of the pools, in order; then those nobody watched.
    up: LifeBelief
    gap: LifeBelief
    runs: Runs
    instants: dict[str, Instants]  # By family.


@dataclass(frozen=True, slots=True)
class Chosen:
    """A market, and which and why in words."""

    market: Market
    replayed_share: float
    why: str


class Mixed:
    """Two markets: each path is a path of one of them."""

    def __init__(self, first: Market, second: Market, first_P: Bools) -> None:
        """Take each path from one market or the other, both of as many paths.

        Raises:
            ImpossibleInput: The markets have not as many paths as were told apart.
        """
        if not first.paths == second.paths == first_P.size:
            raise ImpossibleInput(
                f"Markets of {first.paths} and {second.paths} paths, {first_P.size} told apart.",
                fix="Give both markets the same number of paths.",
            )
        self._first, self._second, self._first_P = first, second, first_P

    @property
    def paths(self) -> int:
        """How many paths there are."""
        return self._first_P.size

    def spell(self, path_N: Ints, at_hours_N: Floats) -> tuple[Floats, Floats]:
        """Return from when on there is capacity and until when; see `model.spells.Market`."""
        from_N, until_N = np.empty(path_N.size), np.empty(path_N.size)
        first_N = self._first_P[path_N]
        for market, mine_N in ((self._first, first_N), (self._second, ~first_N)):
            if mine_N.any():
                from_N[mine_N], until_N[mine_N] = market.spell(path_N[mine_N], at_hours_N[mine_N])
        return from_N, until_N


def past_of(
    pools: Sequence[Watched],
    unwatched: Sequence[Place] = (),
    *,
    learned: tuple[LifeBelief, LifeBelief] | None = None,
) -> Past:
    """Return what was seen by now and what it teaches; the costly part, once for all pools.

    Args:
        pools: Pools watched until now (`Watched.until`), of any ticks and starts, on one clock.
        unwatched: Pools nobody watched that will be asked about.
        learned: Beliefs about lives and gaps of the same places, such as this morning's; learned
            here where none are given, which is nearly all of the cost.

    Raises:
        InsufficientHistory: There are no watched pools.
        ImpossibleInput: What was learned is of other places.
    """
    places = (*(pool.place for pool in pools), *unwatched)
    if not pools:
        raise InsufficientHistory("There are 0 watched pools.", fix="Collect probes of at least 1 pool.")
    if learned and any(belief.places != places for belief in learned):
        raise ImpossibleInput("What was learned is of other places.", fix="Learn lives of the same places.")
    up, gap = learned or (
        fit_lives(places, lives_of(pools, up=True)),
        fit_lives(places, lives_of(pools, up=False)),
    )
    families = sorted({pool.place.family for pool in pools})
    return Past(
        tuple(pools),
        places,
        up,
        gap,
        runs_of(pools),
        {name: instants_of(pools, _family(pools, name)) for name in families},
    )


def market_of(past: Past, place: Place, *, paths: int, seed: int) -> Chosen:
    """Return the market of one pool; markets of one past, seed and number of paths share courses.

    Args:
        past: What was seen by now.
        place: The pool, one of `past.places`.
        paths: How many courses, 1 or more.
        seed: Of all draws.

    Raises:
        ImpossibleInput: The place is not of the past, or there are no paths.
    """
    if place not in past.places:
        raise ImpossibleInput(f"{place.pool} is not among the places.", fix="Name it when the past is made.")
    if paths < 1:
        raise ImpossibleInput(f"{paths} paths.", fix="Ask for at least 1 path.")
    index = past.places.index(place)
    renewed = Renewed(
        *laws_of(past, place), place, standing_of(past, place, paths=paths, seed=seed), seed=seed
    )
    siblings = _family(past.pools, place.family)
    first, then = _candidates(past, index, siblings), _sources(past, index, siblings)
    if first is None or then is None:
        return Chosen(renewed, 0.0, _words(past, index, siblings, 0.0))
    hours = sum(past.pools[i].ticks * past.pools[i].tick_hours for i in siblings)
    share = REPLAYED_SHARE * hours / (hours + REPLAYED_HOURS)
    replayed = Replayed(past.runs, first, then, paths=paths, seed=seed)
    first_P = uniforms(seed, "replayed or renewed", np.arange(paths, dtype=np.int64)) < share
    return Chosen(Mixed(replayed, renewed, first_P), share, _words(past, index, siblings, share))


def laws_of(past: Past, place: Place) -> tuple[LifeLaw, LifeLaw]:
    """Return the laws of lives and of gaps in one of the past's places.

    A row for each of `AHEAD_HOURS` they begin in; one where neither the place nor a sibling was watched.
    """
    index = past.places.index(place)
    ahead = [recent_ahead(past.pools[i]) for i in _speakers(past, index)]
    recent_KL = np.mean(ahead, axis=0) if ahead else np.zeros((1, len(RECENT_WINDOWS)))
    pool_K = np.full(len(recent_KL), index, dtype=np.int64)
    return past.up.law(pool_K, recent_KL), past.gap.law(pool_K, recent_KL)


def standing_of(past: Past, place: Place, *, paths: int, seed: int) -> Standing:
    """Return how one of the past's places stands; one nobody watched as one of its siblings, per path."""
    index = past.places.index(place)
    speakers = _speakers(past, index)
    every_P = np.arange(paths, dtype=np.int64)
    if not speakers:
        up_P = uniforms(seed, "unknown state", every_P) < UNKNOWN_SHARE
        return Standing(up_P, np.full(paths, UNKNOWN_AGE_HOURS))
    seen = [past.pools[i] for i in speakers]
    up_S = np.array([bool(pool.state_T[-1]) for pool in seen])
    age_S = np.array([(pool.age_ticks_T[-1] - 0.5) * pool.tick_hours for pool in seen])
    if index < len(past.pools):
        return standing(bool(up_S[0]), float(age_S[0]), paths)
    share_S = np.cumsum(_nearness(past, index, speakers))
    stand_P = np.searchsorted(share_S, uniforms(seed, "stands like", every_P))
    stand_P = np.minimum(stand_P, len(seen) - 1)
    return Standing(up_S[stand_P], age_S[stand_P])


def _speakers(past: Past, index: int) -> Sequence[int]:
    """Return the pool itself where it was watched, else its siblings."""
    return [index] if index < len(past.pools) else _family(past.pools, past.places[index].family)


def _family(pools: Sequence[Watched], family: str) -> list[int]:
    return [i for i, pool in enumerate(pools) if pool.place.family == family]


def _nearness(past: Past, index: int, siblings: Sequence[int]) -> Floats:
    """Return how likely each sibling stands in for a pool; those of its region more than others."""
    region = past.places[index].region
    near_S = np.array([NEAR_REGION if past.places[i].region == region else 1.0 for i in siblings])
    return np.asarray(near_S / near_S.sum())


def _candidates(past: Past, index: int, siblings: Sequence[int]) -> Candidates | None:
    if not siblings:
        return None
    instants = past.instants[past.places[index].family]
    if index < len(past.pools):
        return instants.candidates(index)
    found = zip(map(instants.candidates, siblings), _nearness(past, index, siblings), strict=True)
    known = [(one, weight) for one, weight in found if one is not None]
    if not known:
        return None
    return ordered(
        np.concatenate([one.pool_I for one, _ in known]),
        np.concatenate([one.hour_I for one, _ in known]),
        np.concatenate([weight * one.weight_I for one, weight in known]),
    )


def _sources(past: Past, index: int, siblings: Sequence[int]) -> Sources | None:
    """Return the pools whose blocks come later: its own as far as it has history, else siblings'."""
    hours = {i: past.pools[i].ticks * past.pools[i].tick_hours for i in siblings}
    weight = dict(zip(siblings, _nearness(past, index, siblings), strict=True)) if siblings else {}
    others = {i: w for i, w in weight.items() if hours[i] >= 2 * FOLLOWED_HOURS and i != index}
    own = hours.get(index, 0.0)
    share = own / (own + OWN_HOURS) if own >= 2 * FOLLOWED_HOURS else 0.0
    if not others:
        return Sources(np.array([index]), np.ones(1)) if share else None
    rest = (1.0 - share) / sum(others.values())
    sources = {**{i: w * rest for i, w in others.items()}, **({index: share} if share else {})}
    return Sources(np.array(list(sources), dtype=np.int64), np.array(list(sources.values())))


def _words(past: Past, index: int, siblings: Sequence[int], share: float) -> str:
    own = past.pools[index].ticks * past.pools[index].tick_hours if index < len(past.pools) else 0.0
    others = sum(i != index for i in siblings)
    seen = f"{own / 24.0:.1f} days of its own and {others} siblings were watched"
    laws = f"lives and gaps drawn from laws learned from {past.up.endings} lives"
    if not share:
        return f"All paths are {laws}: {seen}, and nothing like now was followed for a day."
    return f"{share:.0%} of paths play recorded weeks that began like now, the rest are {laws}: {seen}."
