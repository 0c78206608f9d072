"""Fields that are left out of what is written where nobody stated them.

A shape that learns a new field keeps its old bytes, and with them the ids and digests made of them,
for everyone who does not use it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer


class LeavesOut(BaseModel):
    """A shape whose `unsaid` fields are not written where they are None."""

    unsaid: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _said(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        return {
            name: value for name, value in written.items() if value is not None or name not in self.unsaid
        }
