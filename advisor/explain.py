"""What a validator found, as sentences a person can act on.

Pydantic reports codes and locations; here each becomes one sentence that names the field, and
for an unknown field the nearest known one. What was sent is shown only where the caller asks:
an answer over HTTP never echoes input, for input that cannot be encoded cannot be echoed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

MAX_SENTENCES = 5


def sentences(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Return one sentence for each of the first few faults, showing what was sent."""
    return describe(error.errors(include_url=False, include_context=False), model, show_input=True)


def describe(
    faults: Sequence[Any], model: type[BaseModel] | None, *, show_input: bool, skip: int = 0
) -> list[str]:
    """Return one sentence per fault.

    Args:
        faults: Pydantic error details: type, loc, msg, input.
        model: The shape they were checked against, for names of known fields.
        show_input: Say what was sent, where it is short and harmless.
        skip: How many leading parts of a location are not the person's (`body`, `query`).
    """
    told = [_sentence(fault, model, show_input, skip) for fault in faults[:MAX_SENTENCES]]
    hidden = len(faults) - len(told)
    return [*told, f"There are {hidden} more faults."] if hidden > 0 else told


def _sentence(fault: Any, model: type[BaseModel] | None, show_input: bool, skip: int) -> str:
    parts = [part for part in fault["loc"][skip:] if part != "[key]"]
    where = readable(".".join(map(str, parts)))
    if fault["type"] == "extra_forbidden":
        return _unknown(parts, where, model)
    if fault["type"] == "missing":
        return f"Field {where or 'body'} is missing."
    if fault["type"].startswith("model_"):
        return f"{'Field ' + where if where else 'The body'} must be an object with named fields."
    seen = f" (seen: {_shown(fault.get('input'))})" if show_input and _shown(fault.get("input")) else ""
    said = str(fault["msg"]).replace("Input should be", "must be").replace("Value error, ", "")
    return f"{'Field ' + where if where else 'The body'} {_lower(said)}{seen}."


def _unknown(parts: list[Any], where: str, model: type[BaseModel] | None) -> str:
    known = known_fields(model, parts[:-1]) if model and parts else []
    near = get_close_matches(str(parts[-1]), known, n=1, cutoff=0.5) if parts else []
    if near:
        path = ".".join([*map(str, parts[:-1]), near[0]])
        return f"Unknown field {where}; the nearest known one is {path}."
    return (
        f"Unknown field {where}; known here are {', '.join(known)}." if known else f"Unknown field {where}."
    )


def known_fields(model: type[BaseModel], path: Sequence[Any]) -> list[str]:
    """Return the field names of the section at `path` inside a model; none where there is no section."""
    for part in path:
        field = {shown: model.model_fields[name] for name, shown in _shown_names(model)}.get(str(part))
        inner = field and next(
            (each for each in (field.annotation, *get_args(field.annotation)) if _is_model(each)), None
        )
        if not inner:
            return []
        model = inner
    return [shown for _, shown in _shown_names(model)]


def _shown_names(model: type[BaseModel]) -> list[tuple[str, str]]:
    """Return each field's name in Python and the one that people write."""
    return [(name, field.alias or name) for name, field in model.model_fields.items()]


def readable(text: str, limit: int = 80) -> str:
    """Return text that can be printed and encoded anywhere: what cannot be is written as escapes."""
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[:limit]
    )
    return shown + ("…" if len(text) > limit else "")


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(readable(value, 40))
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)[:40]
    return str(value) if isinstance(value, float) else ""


def _lower(said: str) -> str:
    return said[:1].lower() + said[1:]
