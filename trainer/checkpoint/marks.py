"""What a sweep found unneeded, and when first: the memory between mark and removal, in the store itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

from .stores import Absent, Store

MARKS = "gc.json"


@dataclass(slots=True)
class Marks:
    """Keys with the instant they were first found unneeded, and the newest generation ever listed."""

    newest: int = 0
    since: dict[str, datetime] = field(default_factory=dict)
    tag: str | None = None

    @classmethod
    def read(cls, store: Store) -> Marks:
        """Read a store's marks; none where they are absent or not readable, which only delays a removal."""
        try:
            found = store.read_tagged(MARKS)
            if found is None:
                return cls()
            value = json.loads(found[0])
            since = {str(key): datetime.fromisoformat(at) for key, at in value["since"].items()}
            if any(at.tzinfo is None for at in since.values()):
                raise ValueError("a mark without its zone")
            return cls(int(value["newest"]), since, found[1])
        except (Absent, ValueError, KeyError, TypeError, AttributeError):
            found = store.read_tagged(MARKS)
            return cls(tag=None if found is None else found[1])

    def is_older(self, key: str, before: datetime) -> bool:
        """Whether a key has been marked since `before` or longer."""
        return key in self.since and self.since[key] <= before

    def keep(self, keys: set[str], now: datetime) -> None:
        """Keep the marks of these keys, mark the new ones, forget the rest: it is needed again, or gone."""
        self.since = {key: self.since.get(key, now) for key in keys}

    def write(self, store: Store) -> bool:
        """Write the marks back; False where another sweep did so in between, which only delays a removal."""
        since = {key: at.isoformat() for key, at in sorted(self.since.items())}
        return store.swap(MARKS, json.dumps({"newest": self.newest, "since": since}).encode(), self.tag)
