"""What the pages ask of the service: a few routes, remembered for seconds, never a file.

Each function asks one question and returns the service's JSON. Answers are remembered for a
short while, so that a click redraws the page at once; refusals are not remembered. A stored
recommendation never changes, so it may be remembered for longer.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from advisor.client import Client

Json = dict[str, Any]
FRESH_S = 10
STORED_S = 600


@st.cache_resource(show_spinner=False)
def _client(url: str) -> Client:
    """Return the one client of an address; it keeps its connections between redraws."""
    return Client(url)


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def status(url: str) -> Json:
    """Return the service's version, the store's rows and span, and whether its market is synthetic."""
    return _client(url).status()


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def quality(url: str) -> Json:
    """Return every source with its rows, age, quarantined rows and gaps."""
    return _client(url).quality()


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def gpu_models(url: str) -> list[str]:
    """Return the GPU models that the collected pools offer, by name."""
    return sorted({pool["gpu_model"] for pool in _client(url).pools()["pools"]})


@st.cache_data(ttl=STORED_S, max_entries=50, show_spinner=False)
def recommendation(url: str, recommendation_id: str) -> Json:
    """Return a stored recommendation."""
    return _client(url).recommendation(recommendation_id)


def recommend(url: str, spec: Json, as_of: str | None) -> Json:
    """Ask for a ranking of pools for a job, as of an instant or now; the service stores it under its id."""
    return _client(url).recommend(spec, as_of=as_of)


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def runs(url: str) -> list[Json]:
    """Return the head of every run, newest first: its id, name, state, recommendation, newest pool."""
    return _client(url).runs()


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def run(url: str, run_id: str) -> Json:
    """Return one run: predicted, realised, attempts, checkpoint and timeline."""
    return _client(url).run(run_id)
