"""What no route ever sees: bodies that are too large, too deep, ambiguous or no honest JSON.

Stands before the application. It reads a body up to its cap and refuses NaN, infinities,
numbers beyond 64 bits, duplicate keys, lone surrogates, NUL characters and deep nesting,
so that a shape behind it deals with plain JSON alone.
"""

from __future__ import annotations

import json
import math
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import problem

MAX_BODY = 1 << 20
MAX_EVENTS_BODY = 16 << 20
MAX_DEPTH = 32
MAX_QUERY = 8192
LARGEST = 2**63 - 1


class BadBody(ValueError):
    """A body that is refused; the message says why."""


def parse(raw: bytes) -> Any:
    """Return the JSON value of a body.

    Raises:
        BadBody: It is not UTF-8 or not JSON, or says something twice or something unsayable.
    """
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_bounded,
        )
    except BadBody:
        raise
    except RecursionError:
        raise BadBody(f"It is nested deeper than {MAX_DEPTH} levels.") from None
    except ValueError:
        raise BadBody("It is not UTF-8 JSON.") from None
    _walk(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadBody("An object names the same key twice, and only one can be meant.")
    return found


def _no_constant(word: str) -> Any:
    raise BadBody(f"It holds {word}, which is no JSON number.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadBody("It holds a number beyond any float.")
    return number


def _bounded(text: str) -> int:
    if len(text) > 20 or abs(number := int(text)) > LARGEST:
        raise BadBody("It holds a whole number beyond 64 bits.")
    return number


def _walk(value: Any) -> None:
    """Refuse depth and unsayable text, level by level."""
    level, depth = [value], 0
    while level:
        deeper: list[Any] = []
        for each in level:
            if isinstance(each, str):
                _sayable(each)
            elif isinstance(each, dict | list):
                deeper += [*each.keys(), *each.values()] if isinstance(each, dict) else each
                if depth == MAX_DEPTH:
                    raise BadBody(f"It is nested deeper than {MAX_DEPTH} levels.")
        level, depth = deeper, depth + 1


def _sayable(text: str) -> None:
    if "\x00" in text:
        raise BadBody("It holds text with a NUL character.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadBody("It holds text with a lone surrogate, which is no Unicode.") from None


class Guard:
    """ASGI middleware: reads and checks the body, then hands it on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if len(scope.get("query_string", b"")) > MAX_QUERY:
            answer = problem("too-large", f"The query is over {MAX_QUERY} bytes.", "Ask for less.")
            await answer(scope, receive, send)
            return
        cap = MAX_EVENTS_BODY if scope["path"].endswith("/events") else MAX_BODY
        body = await _read(receive, cap)
        if body is None:
            fix = "Send a smaller body; events go in batches."
            await problem("too-large", f"The body is over {cap} bytes.", fix)(scope, receive, send)
            return
        try:
            if body:
                await run_in_threadpool(parse, body)
        except BadBody as why:
            fix = "Send one plain JSON object, as the documentation shows."
            await problem("bad-body", f"The body cannot be taken. {why}", fix)(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)


async def _read(receive: Receive, cap: int) -> bytes | None:
    """Return the whole body, or None once it is over the cap."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        part = message.get("body", b"")
        size += len(part)
        if size > cap:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a receive that gives the body once, and then what comes after it."""
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
