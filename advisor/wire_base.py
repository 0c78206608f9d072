"""The types of every inbound shape: strict numbers, printable text, aware instants."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

MAX_TEXT = 200
MAX_ITEMS = 100
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def read_instant(value: Any) -> datetime:
    """Read an aware instant from ISO-8601 text or a TOML date-time."""
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) and len(value) <= 40 else value
    except ValueError:
        read = None
    if not isinstance(read, datetime) or read.tzinfo is None:
        raise PydanticCustomError("instant", "must be an instant with its zone, as 2026-01-31T12:00:00Z")
    if not EARLIEST <= read <= LATEST:
        raise PydanticCustomError("instant", "must lie between the years 2000 and 2200")
    return read.astimezone(UTC)


def _whole(value: Any) -> Any:
    """Let 360e9 stand for a whole number of bytes, as people write it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def printable(value: str) -> str:
    """Refuse text that no terminal shows: a lone surrogate, a NUL, a line break."""
    if not value.isprintable():
        raise PydanticCustomError("text", "must be printable text")
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT), AfterValidator(printable)]
Instant = Annotated[datetime, BeforeValidator(read_instant)]
Bytes = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=10**18)]
Positive = Annotated[float, Field(gt=0, le=1e6)]
Usd = Annotated[float, Field(ge=0, le=1e9)]
Seconds = Annotated[float, Field(ge=0, le=1e6)]
Hours = Annotated[float, Field(ge=0, le=1e6)]
Share = Annotated[float, Field(ge=0, le=1)]
Names = Annotated[list[Text], Field(max_length=MAX_ITEMS)]


class Strict(BaseModel):
    """The base of every inbound shape."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)
