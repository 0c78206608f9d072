"""Asks the service, now and then, what this run should do.

A thread asks and the training looks at safe points. With the service away, slow or talking
nonsense the last word stands and training goes on; nothing here can stop it but a directive.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from .clock import Clock
from .errors import ServiceUnreachable
from .fields import instant_text
from .plan import Plan, PlanService
from .wire import ask

WORDS = ("continue", "checkpoint_now", "migrate", "switch_to_on_demand", "wait")
LEAST_S = 3.0  # Real seconds between two questions, however fast the market's clock runs.


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """What the service wants: a word, and the intervals from now on where it names them."""

    word: str
    full_every_s: float | None  # Useful market seconds.
    light_every_s: float | None
    reason: str

    @property
    def stops(self) -> bool:
        """True where this attempt is to save, commit and end: the launcher takes it from there."""
        return self.word in ("migrate", "switch_to_on_demand", "wait")


def parse(answer: dict[str, object]) -> Directive:
    """Read the service's answer; raises ServiceUnreachable where it makes no sense."""
    word = answer.get("directive")
    if word not in WORDS:
        raise ServiceUnreachable(
            f"The service says {word!r}, which is no directive.", fix="Upgrade lowtide here."
        )
    return Directive(
        word=str(word),
        full_every_s=_interval(answer.get("full_every_s")),
        light_every_s=_interval(answer.get("light_every_s")),
        reason=str(answer.get("reason") or ""),
    )


def _interval(every_s: object) -> float | None:
    usable = type(every_s) in (int, float) and every_s > 0  # type: ignore[operator]
    return float(every_s) if usable else None  # type: ignore[arg-type]


class DirectiveWatch:
    """Keeps the newest directive that nobody has acted on; use it as a context manager."""

    def __init__(self, plan: Plan, service: PlanService, clock: Clock, token: str | None) -> None:
        run = quote(plan.run_id, safe="")
        self._url = f"{service.url.rstrip('/')}/v1/runs/{run}/directive"
        self._attempt, self._clock, self._token = plan.attempt, clock, token
        self._every_s = max(LEAST_S, clock.real_s(service.directive_every_s))
        self._newest: Directive | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep_asking, name="directive", daemon=True)

    def __enter__(self) -> DirectiveWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()  # A daemon thread: an open question does not hold the process.

    def take(self) -> Directive | None:
        """Return the newest directive once; None where there is no new one."""
        newest, self._newest = self._newest, None
        return newest

    def _keep_asking(self) -> None:
        while not self._closing.wait(self._every_s):
            self.ask_once()

    def ask_once(self) -> None:
        """Ask, and keep the answer; say on standard error where there is none."""
        query = urlencode({"attempt": self._attempt, "as_of": instant_text(self._clock.market_now())})
        try:
            self._newest = parse(ask(f"{self._url}?{query}", token=self._token))
        except ServiceUnreachable as trouble:
            print(f"lowtide-run: no directive, the last one stands: {trouble}", file=sys.stderr)
