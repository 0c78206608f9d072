from dataclasses import dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    newest: int
def sweep(store, retention): pass
