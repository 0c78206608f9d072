"""The scenarios of `conformance`, played by the AWS fake around one good answer.

A test file says what its operation answers when all is well, page by page; the stage turns
that into a feed that is busy, loops, is malformed or refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from aws_fake import Answer, Failure, FakeAws, serving
from conformance import SECRET

from collector.sources.aws_clients import ClientFor, aws_clients

Params = dict[str, Any]
REFUSED = Failure(401, "AuthFailure", f"the key {SECRET} is not valid")
BUSY = Failure(503, "Unavailable", "The service is overloaded.")
THROTTLED = Failure(503, "RequestLimitExceeded", "Request limit exceeded.")  # boto3 slows down for long.


@dataclass
class Stage:
    """Answers of one operation by scenario; other operations answer as `around` says."""

    operation: str
    pages: list[dict[str, Any]]  # The good answer, in pages without their tokens.
    around: dict[str, dict[str, Any]] = field(default_factory=dict)
    good_first: int = 0  # Answers of `busy` before the trouble.
    calls: int = 0

    def script(self, scenario: str) -> Callable[[str, Params], Answer]:
        """What the fake answers in a scenario."""
        self.calls = 0

        def answer(operation: str, params: Params) -> Answer:
            if operation != self.operation:
                return self.around[operation]
            self.calls += 1
            return self._answer(scenario, params)

        return answer

    def _answer(self, scenario: str, params: Params) -> Answer:
        if scenario == "denied":
            return REFUSED
        if scenario == "malformed":
            return b'<html>{"half'
        if scenario == "busy_once" and self.calls == 1:
            return BUSY
        if scenario == "busy" and self.calls > self.good_first:
            return BUSY
        if scenario == "looping":
            return {**self.pages[0], "NextToken": ["b", "a"][self.calls % 2]}
        return self._page(int(params.get("NextToken", 0))) if scenario == "paged" else self._whole()

    def _whole(self) -> dict[str, Any]:
        """Every page's entries in one."""
        whole: dict[str, Any] = {}
        for page in self.pages:
            for key, entries in page.items():
                whole[key] = [*whole.get(key, []), *entries]
        return whole

    def _page(self, number: int) -> dict[str, Any]:
        """One page, with the token of the next, which is empty at the end."""
        token = str(number + 1) if number + 1 < len(self.pages) else ""
        return {**self.pages[number], "NextToken": token}


@cache
def _clients() -> ClientFor:
    """One maker for all: loading the EC2 model takes longer than a test. Each client it makes reads
    the address of its fake from the environment of that moment."""
    return aws_clients(attempts=2)


@contextmanager
def account(script: Callable[[str, Params], Answer]) -> Iterator[tuple[ClientFor, FakeAws]]:
    """Clients of an account whose AWS is the fake, and the fake."""
    with serving(script) as fake, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", fake.address)
        environment.setenv("AWS_ACCESS_KEY_ID", "AKIDCONFORMANCE")
        environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        environment.delenv("AWS_PROFILE", raising=False)
        yield _clients(), fake
        assert not fake.strangers, f"AWS has no such call: {fake.strangers}"


@pytest.fixture
def clients_for() -> Iterator[Callable[[Callable[[str, Params], Answer]], ClientFor]]:
    """Clients against a script; any number of times in one test."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(account(script))[0]
