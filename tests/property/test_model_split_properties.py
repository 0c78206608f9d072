"""Whatever the pools: all is dealt out, within quotas and shares, and no pool alone scores better."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.allocation import allocate
from model.allocation_terms import Place, Wish, judged
from model.errors import ImpossibleInput
from model.scenarios import Scenarios

SIZES = st.sampled_from((1, 2, 4, 8))
PLACES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), SIZES), min_size=2, max_size=6)


def scenarios(places, seed):
    """Courses of 60 scenarios: each region has a shock of its own, which its pools share."""
    rng = np.random.default_rng(seed)
    shock_SR = rng.lognormal(0.0, 0.4, (60, 3))
    size_J = np.array([place.size for place in places])
    region_J = [int(place.region[1:]) for place in places]
    price_J = rng.uniform(1.0, 2.0, len(places)) * size_J
    return Scenarios.of(shock_SR[:, region_J] * price_J, np.broadcast_to(size_J, (60, len(places))))


@settings(max_examples=40, deadline=None)
@given(PLACES, st.integers(1, 24), st.sampled_from((0.4, 0.5, 1.0)), st.integers(0, 5))
def test_units_are_dealt_out_whole_or_refused_with_words(stated, units, region_share, seed):
    places = [
        Place(name=f"p{n}", region=f"r{region}", quota=quota, size=float(size))
        for n, (region, quota, size) in enumerate(stated)
    ]
    known = scenarios(places, seed)
    wish = Wish(work=float(units), units=float(units), region_share=region_share, noun="GPUs", unit="GPUs")
    try:
        found = allocate(known, places, wish)
    except ImpossibleInput as refusal:
        why = refusal
    else:
        why = None
    if why:
        assert "GPUs" in why.seen
        return
    held = {place.name: found.nodes.get(place.name, 0) for place in places}
    total = sum(held[place.name] * place.size for place in places)
    largest = max(place.size for place in places)
    assert units <= total < units + largest + 1e-9
    assert all(held[place.name] <= place.quota for place in places)
    for region in {place.region for place in places}:
        inside = sum(held[place.name] * place.size for place in places if place.region == region)
        assert inside <= region_share * total + 1e-6
    if region_share == 1.0:
        assert_no_single_pool_is_better(known, places, wish, found, total)


def assert_no_single_pool_is_better(known, places, wish, found, total):
    """Of pools that hold exactly what the allocation holds, none scores better than by the solver's gap."""
    for index, place in enumerate(places):
        count = total / place.size
        if count == int(count) and count <= place.quota:
            alone_J = np.where(np.arange(len(places)) == index, count, 0.0)
            assert found.on_all.score_usd <= judged(known, places, alone_J, wish).score_usd * 1.005
