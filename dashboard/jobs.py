"""A job as the form collects it, and as a person takes it away: job file, command, API body.

Nothing is checked here: the service knows what a job may be and says so in words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GB = 1_000_000_000
Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the reader typed. Sizes in GB, times in the unit of the name; None is left unsaid."""

    name: str
    gpu_model: str
    gpus: int
    useful_hours: float
    deadline_hours: float | None
    budget_usd: float | None
    state_gb: float
    data_provider: str | None
    data_region: str
    dataset_gb: float
    overheads_s: Mapping[str, float]  # pause_s, save_lag_s, boot_s, restore_s, warmup_s
    borrow: str
    late_usd_per_hour: float | None = None  # Makes the deadline soft.
    floor_nodes: int | None = None


def spec(answers: Answers) -> dict[str, Any]:
    """Return the job as the service takes it; what the reader left empty is not mentioned."""
    job = {
        "name": answers.name,
        "gpus": answers.gpus,
        "useful_hours": answers.useful_hours,
        "state_bytes": int(answers.state_gb * GB),
        "deadline_hours": answers.deadline_hours,
        "budget_usd": answers.budget_usd,
        "deadline_kind": None if answers.late_usd_per_hour is None else "soft",
        "value_of_time_usd_per_hour": answers.late_usd_per_hour,
        "floor_nodes": answers.floor_nodes or None,
        "throughput": {answers.gpu_model: 1.0},
    }
    overheads = {**answers.overheads_s, "origin": "typed on the page"}
    sections: dict[str, Any] = {"job": job, "overheads": overheads, "constraints": {"borrow": answers.borrow}}
    if answers.data_provider:
        sections["data"] = {
            "dataset_bytes": int(answers.dataset_gb * GB),
            "provider": answers.data_provider,
            "region": answers.data_region,
        }
    said: dict[str, Any] = _said(sections)
    return said


def job_file(spec: Spec) -> str:
    """Return a spec as the TOML job file that `lowtide plan` reads."""
    sections = []
    for name, section in _said(spec).items():
        if isinstance(section, list):  # Tables of which there are several, as [[commitments]].
            sections += [_table(f"[{name}]", _said(each)) for each in section]
            continue
        values = {key: value for key, value in section.items() if not isinstance(value, Mapping)}
        tables = {key: value for key, value in section.items() if isinstance(value, Mapping)}
        sections.append(_table(name, values))
        sections += [_table(f"{name}.{key}", value) for key, value in tables.items()]
    return "\n".join(sections)


def command(recommendation: Mapping[str, Any], rank: int, url: str) -> str:
    """Return the commands that plan and run this option as of the instant it was recommended at."""
    as_of = recommendation["as_of"]
    return (
        "# Save the job file beside you as job.toml, then:\n"
        f"lowtide plan job.toml --rank {rank} --as-of {as_of} --seed {recommendation['seed']} --url {url}\n"
        "lowtide-run --plan plan.json --spool spool"
    )


def body(recommendation: Mapping[str, Any]) -> str:
    """Return the body of POST /v1/recommendations that gives this answer again."""
    asked = {
        "spec": _said(recommendation["spec"]),
        "as_of": recommendation["as_of"],
        "seed": recommendation["seed"],
        "window_hours": recommendation["window_hours"],
    }
    return json.dumps(asked, indent=2, ensure_ascii=False)


def _said(value: Any) -> Any:
    """Return the spec without what nobody said: nulls and empty lists and sections."""
    if not isinstance(value, Mapping):
        return value
    kept = {key: _said(inner) for key, inner in value.items()}
    return {key: inner for key, inner in kept.items() if inner is not None and inner != [] and inner != {}}


def _table(name: str, values: Mapping[str, Any]) -> str:
    lines = [f"{_key(key)} = {_value(value)}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines, ""])


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    """Return a TOML value; JSON's text, numbers, booleans and lists of them are TOML's too."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
