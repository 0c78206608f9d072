"""The form in which an ML lead describes a job. It collects; the service judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from advisor import format as fmt
from dashboard import jobs

NOW = "now"
FRESH_S = 2 * 86400.0  # Older history is asked about as of its own end.
NOWHERE = "stays where the job runs"
PROVIDERS = (NOWHERE, "aws", "gcp", "azure")
BORROW = {"none": "never", "region": "in its region", "provider": "from its whole provider"}
OVERHEADS_S = {  # Field -> what the form calls it, default seconds.
    "pause_s": ("Pause per save, s", 20.0),
    "save_lag_s": ("Until the save is durable, s", 60.0),
    "boot_s": ("Boot, s", 180.0),
    "restore_s": ("Restore, s", 120.0),
    "warmup_s": ("Warm-up, s", 60.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A job, and the instant as of which it is asked; None is now."""

    spec: dict[str, Any]
    as_of: str | None


def show(gpu_models: Sequence[str], sources: Sequence[Mapping[str, Any]]) -> Question | None:
    """Show the form; return what was asked when it is sent, None before.

    Args:
        gpu_models: What the collected pools offer; another name may be typed.
        sources: Where the history comes from. Recorded history ends somewhere, and a job can be
            asked about as of that end.
    """
    with st.form("job", border=False):
        work = _work(gpu_models)
        data, as_of = _data(), _as_of(sources)
        with st.expander("Saving, restarting, borrowing"):
            overheads, borrow = _overheads()
        with st.expander("A deadline that may be missed, nodes kept on on-demand"):
            demands = _demands()
        sent = st.form_submit_button("Rank pools", type="primary", icon=":material/leaderboard:")
    if not sent:
        return None
    spec = jobs.spec(jobs.Answers(**work, **data, **demands, overheads_s=overheads, borrow=borrow))
    return Question(spec=spec, as_of=as_of)


def _work(gpu_models: Sequence[str]) -> dict[str, Any]:
    name, model, gpus, hours, deadline, budget = st.columns([1.3, 1.4, 0.8, 1, 1.2, 1.2])
    full = "At full speed, without a save or a loss."
    return {
        "name": name.text_input("Job name", "llm-30b"),
        "gpu_model": model.selectbox("GPU model", gpu_models, accept_new_options=True) or "",
        "gpus": int(gpus.number_input("GPUs", 1, 100_000, 8)),
        "useful_hours": hours.number_input("Useful hours", 0.1, 1e6, 40.0, help=full),
        "deadline_hours": deadline.number_input("Deadline, hours on", 0.1, 1e6, None, placeholder="none"),
        "budget_usd": budget.number_input("Budget, USD", 0.01, 1e12, None, placeholder="none"),
    }


def _data() -> dict[str, Any]:
    state, provider, region, size = st.columns(4)
    whole = "One full save: weights, optimiser, the rest."
    where = provider.selectbox("Data set is at", PROVIDERS)
    return {
        "state_gb": state.number_input("Checkpoint, GB", 0.0, 1e9, 360.0, help=whole),
        "data_provider": None if where == NOWHERE else where,
        "data_region": region.text_input("Region of the data set", placeholder="us-east-1"),
        "dataset_gb": size.number_input("Data set, GB", 0.0, 1e9, 200.0),
    }


def _overheads() -> tuple[dict[str, float], str]:
    columns = st.columns(len(OVERHEADS_S) + 1)
    typed = {
        name: float(column.number_input(label, 0.0, 1e6, default))
        for column, (name, (label, default)) in zip(columns, OVERHEADS_S.items(), strict=False)
    }
    thin = "For a pool with under 48 hours at risk of its own."
    borrow = columns[-1].selectbox(
        "Borrow a hazard", list(BORROW), 1, format_func=BORROW.__getitem__, help=thin
    )
    return typed, borrow


def _demands() -> dict[str, Any]:
    late, floor = st.columns(2)
    soft = "Empty: the deadline is hard. A figure makes it soft; 0 where lateness costs nothing."
    alone = "They work alone while spot is away, so the work has to scale with its nodes."
    kept = floor.number_input("On-demand floor, nodes", 0, 100_000, None, placeholder="none", help=alone)
    return {
        "late_usd_per_hour": late.number_input(
            "An hour late costs, USD", 0.0, 1e9, None, placeholder="not allowed", help=soft
        ),
        "floor_nodes": None if kept is None else int(kept),
    }


def _as_of(sources: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the instant to ask about: now where the data is fresh, else the end of the largest source."""
    largest = sorted(sources, key=lambda source: source["rows"], reverse=True)
    ends = {source["last_effective_at"]: source for source in largest if source["last_effective_at"]}
    fresh = any(source["age_s"] <= FRESH_S for source in ends.values())
    choices = [NOW, *ends] if fresh else [*ends, NOW]

    def say(choice: str) -> str:
        return f"{fmt.instant(choice)}, where {ends[choice]['source_id']} ends" if choice in ends else choice

    known = "Only what was known then is used. An instant may be typed: 2024-03-01T12:00:00Z."
    chosen = st.selectbox("As of", choices, format_func=say, accept_new_options=True, help=known)
    return None if chosen in (NOW, None) else str(chosen)
