"""JSON in and out of frozen dataclasses, strictly: the shared grammar of plan and run log.

A dataclass is the only statement of a shape: reading, writing and the JSON Schema all come from
its annotations. Reading refuses what it does not know: unknown or missing fields, a number
where a string belongs, a boolean as a number, NaN, a time without its zone. It converts nothing.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import TrainerError

T = TypeVar("T")
LARGEST = sys.float_info.max  # NaN and infinity do not compare as smaller, nor do 400 digits.
MAX_BYTES = 1 << 20  # A plan is two kilobytes; a megabyte of it is not a plan.


@dataclasses.dataclass(frozen=True, slots=True)
class AtLeast:
    """The smallest number a field may hold, written `Annotated[int, AtLeast(1)]`."""

    minimum: int


Seconds = Annotated[float, AtLeast(0)]
Count = Annotated[int, AtLeast(0)]
Ordinal = Annotated[int, AtLeast(1)]


def parse_json(
    raw: bytes, what: str, error: type[TrainerError], *, most_bytes: int = MAX_BYTES
) -> dict[str, Any]:
    """Return the JSON object in `raw`; `what` names it in the refusal.

    Raises:
        error: It is over `most_bytes`, not UTF-8, not JSON (NaN is not), or not an object.
    """
    if len(raw) > most_bytes:
        raise error(
            f"{what} is {len(raw)} bytes; the most we read is {most_bytes}.", fix="Pass the right file."
        )
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as trouble:
        raise error(
            f"{what} is not valid JSON: {trouble}.", fix="Write it anew; do not edit it by hand."
        ) from None
    if not isinstance(value, dict):
        raise error(f"{what} is a JSON {type(value).__name__}, not an object.", fix="Pass the right file.")
    return value


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not a JSON number")


def read(cls: type[T], value: object, where: str, error: type[TrainerError]) -> T:
    """Return a `cls` from a JSON object; `where` names the object in a refusal."""
    if not isinstance(value, dict):
        raise error(f"{where} is {_kind(value)}; it must be an object.", fix=f"Write {where} as {{...}}.")
    hints = get_type_hints(cls, include_extras=True)
    unknown, missing = sorted(map(str, value.keys() - hints.keys())), sorted(hints.keys() - value.keys())
    if unknown:
        raise error(
            f"{where} has the unknown field {unknown[0]!r}; a plan half understood is not obeyed.",
            fix=f"Remove it or correct its spelling; known are {', '.join(hints)}.",
        )
    if missing:
        raise error(
            f"{where} lacks the field {missing[0]!r}.", fix="Add it; write null where it may be unknown."
        )
    return cls(
        **{name: _read_one(hint, value[name], f"{where}.{name}", error) for name, hint in hints.items()}
    )


def _read_one(hint: Any, value: object, where: str, error: type[TrainerError]) -> Any:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return read(hint, value, where, error)
    if _is_optional(hint):
        return None if value is None else _read_one(_inner(hint), value, where, error)
    if get_origin(hint) is tuple and isinstance(value, list):
        item = get_args(hint)[0]
        return tuple(_read_one(item, each, f"{where}[{i}]", error) for i, each in enumerate(value))
    if get_origin(hint) is Annotated:
        base, bound = get_args(hint)
        number = _read_one(base, value, where, error)
        if number < bound.minimum:
            raise error(f"{where} is {number}; the least is {bound.minimum}.", fix="Correct the number.")
        return number
    if hint is datetime and isinstance(value, str):
        return _read_instant(value, where, error)
    if not _fits(hint, value):
        raise error(f"{where} is {_kind(value)}; it must be {_words(hint)}.", fix="Correct the value.")
    return float(value) if hint is float else value  # type: ignore[arg-type]


def _fits(hint: Any, value: object) -> bool:
    if get_origin(hint) is Literal:
        return type(value) in (str, int) and value in get_args(hint)
    if hint is float:
        return type(value) in (int, float) and abs(value) <= LARGEST  # type: ignore[arg-type]
    if hint is str:
        return isinstance(value, str) and value.isprintable()  # A lone surrogate is not printable.
    return type(value) is hint  # `True` is no int here.


def _read_instant(text: str, where: str, error: type[TrainerError]) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise error(
            f"{where} is {text[:40]!r}; it must be an instant with its zone.",
            fix="Write it as 2026-01-31T12:00:00Z.",
        )
    return instant.astimezone(UTC)


def to_dict(value: Any) -> dict[str, Any]:
    """Return the JSON object of a dataclass, keys in the order they are declared."""
    return {field.name: _write_one(getattr(value, field.name)) for field in dataclasses.fields(value)}


def _write_one(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    if isinstance(value, tuple):
        return [_write_one(each) for each in value]
    return instant_text(value) if isinstance(value, datetime) else value


def instant_text(instant: datetime, timespec: str = "auto") -> str:
    """Return an aware instant as ISO-8601 in UTC with Z."""
    return instant.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def schema_of(hint: Any) -> dict[str, Any]:
    """Return the JSON Schema of a dataclass or annotation."""
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint, include_extras=True)
        properties = {name: schema_of(each) for name, each in hints.items()}
        return {
            "type": "object",
            "description": (hint.__doc__ or "").split("\n")[0],
            "additionalProperties": False,
            "required": list(hints),
            "properties": properties,
        }
    if _is_optional(hint):
        return {"anyOf": [schema_of(_inner(hint)), {"type": "null"}]}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": schema_of(get_args(hint)[0])}
    if get_origin(hint) is Annotated:
        base, bound = get_args(hint)
        return {**schema_of(base), "minimum": bound.minimum}
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    if hint is datetime:
        return {"type": "string", "format": "date-time"}
    return {"type": {str: "string", int: "integer", float: "number", bool: "boolean"}[hint]}


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _inner(hint: Any) -> Any:
    return next(each for each in get_args(hint) if each is not type(None))


def _kind(value: object) -> str:
    if value is None:
        return "null"
    shown = json.dumps(value, default=str)
    return f"{type(value).__name__} {shown if len(shown) <= 40 else shown[:40] + '…'}"


def _words(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    if get_origin(hint) is tuple:
        return "a list"
    words = {
        str: "a printable string",
        int: "a whole number",
        float: "a finite number",
        bool: "true or false",
    }
    return words.get(hint, "an ISO-8601 instant with its zone")
