"""What all ranks do at a safe point: rank 0 hears of notices, hints and directives, and decides for all."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from .cadence import Cadence
from .checkpoint.ranks import Ranks
from .clock import Clock
from .directive import DirectiveWatch
from .notice import NoticeWatch
from .notice_clouds import source_of
from .plan import Plan
from .runlog import RunLog, Shipper


def token_of(plan: Plan) -> str | None:
    """Return the service's token, from the variable that the plan names."""
    service = plan.service
    return os.environ.get(service.token_env) if service and service.token_env else None


class Orders:
    """Kept by every rank; `agree` is called by all at the same steps."""

    def __init__(self, plan: Plan, clock: Clock, ranks: Ranks, notice: NoticeWatch, cadence: Cadence) -> None:
        self._plan, self._clock, self._ranks = plan, clock, ranks
        self._notice, self._cadence = notice, cadence
        self._asked = False  # For a save, at the next step at which none is on its way.
        self.directives: DirectiveWatch | None = None

    def hear_the_cloud(self, leave: Callable[[], None]) -> None:
        """Ask the provider's metadata service where the plan names one; be gone when a notice is over."""
        notice = self._plan.notice
        is_assumed = self._clock.compression == 1.0 and notice.assumed_s > 0
        self._notice.stop_hard_after(notice.assumed_s if is_assumed else None, leave)
        source = None if notice.poll_url is None else source_of(notice.provider, notice.poll_url)
        if source is not None:
            self._notice.ask(source)

    def talk_to_service(self, log: RunLog, until: ExitStack) -> None:
        """Ship events and, as rank 0, ask for directives until the stack is closed."""
        service = self._plan.service
        if service is None:
            return
        token = token_of(self._plan)
        until.enter_context(Shipper(service.url, token, log.path))
        if self._ranks.rank == 0:  # It asks for all.
            watch = DirectiveWatch(self._plan, service, self._clock, token)
            self.directives = until.enter_context(watch)

    def agree(self, step: int, *, is_busy: bool, news: Any = None) -> dict[str, Any]:
        """Return what all ranks do now.

        Args:
            is_busy: Whether a save is on its way.
            news: Of saves, from rank 0 to all.
        """
        source = self._notice.heard()
        if source is not None:
            self._ranks.ring(source)
        if self._notice.take_hint() is not None:  # Whichever rank hears it: rank 0 asks for all.
            self._ranks.nudge()
        decided = {**self._decide(source, is_busy), "news": news} if self._ranks.rank == 0 else None
        return self._ranks.follow(step, decided)  # type: ignore[no-any-return]

    def _decide(self, source: str | None, is_busy: bool) -> dict[str, Any]:
        """Leave for a notice or a directive, or save, or go on."""
        notice = source or self._ranks.rung()
        directive = self.directives.take() if self.directives and notice is None else None
        word = "" if directive is None else directive.word
        if directive is not None:
            self._cadence.follow(directive.full_every_s, directive.light_every_s)
        if self._ranks.nudged() or word == "checkpoint_now":
            self._asked = True
        due = None if is_busy else "F" if self._asked else self._cadence.due()
        self._asked = self._asked and due is None  # One that is on its way is of an older state.
        return {"notice": notice, "stop": directive is not None and directive.stops, "save": due}
