"""Every error as problem+json (RFC 9457): what was seen, and what to do next in `fix`.

Nothing that was sent is echoed, for input that cannot be encoded cannot be echoed. A 500 is a
fault of ours and only that; it is logged with its traceback and answered without one.
"""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from model.errors import LowtideError

from .answers import to_json
from .explain import describe
from .wire import RecommendationRequest

logger = logging.getLogger("lowtide.service")
MEDIA_TYPE = "application/problem+json"
STATUS_OF = {  # Slug of a refusal -> (status, title).
    "impossible-input": (422, "The request contradicts itself or the world"),
    "insufficient-history": (409, "The data cannot support an answer"),
    "not-found": (404, "Not found"),
    "conflict": (409, "The request comes too late"),
    "environment": (503, "The service's surroundings are in trouble"),
    "check-failed": (409, "A check said no"),
    "bad-body": (400, "The body is not acceptable JSON"),
    "too-large": (413, "The body is too large"),
    "unauthenticated": (401, "A key is needed"),
    "forbidden": (403, "The key does not reach that far"),
    "method-not-allowed": (405, "Method not allowed"),
    "internal": (500, "A fault of ours"),
}


class Problem(BaseModel):
    """The shape of every error answer."""

    model_config = ConfigDict(extra="forbid")

    type: str
    title: str
    status: int
    detail: str
    fix: str


def problem(
    slug: str, detail: str, fix: str, headers: dict[str, str] | None = None, *, like: str | None = None
) -> Response:
    """Return the answer for a refusal; `like` names the known slug whose status it takes."""
    status, title = STATUS_OF[like or slug]
    shown = Problem(
        type=f"urn:lowtide:problem:{slug}",
        title=title,
        status=status,
        detail=_encodable(detail),
        fix=_encodable(fix),
    )
    return Response(to_json(shown.model_dump()), status, headers, media_type=MEDIA_TYPE)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def install(app: FastAPI) -> None:
    """Make an application answer every error as problem+json."""
    app.add_exception_handler(LowtideError, _refusal)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, LowtideError)
    kinds = [getattr(kind, "slug", "") for kind in type(error).__mro__]
    like = next(slug for slug in kinds if slug in STATUS_OF)  # Rooms below have slugs of their own.
    return problem(error.slug, error.seen, error.fix, like=like)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return problem("bad-body", "The body is not JSON.", "Send one JSON object.")
    model = RecommendationRequest if request.url.path == "/v1/recommendations" else None
    told = describe(faults, model, show_input=False, skip=1)
    return problem("impossible-input", " ".join(told), "Correct the named fields and send again.")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem("not-found", "There is no such route.", "See /openapi.json for the routes.")
    if error.status_code == 405:
        allowed = dict(error.headers or {})
        fix = f"Use {allowed.get('Allow', allowed.get('allow', 'another method'))}."
        return problem("method-not-allowed", f"{request.method} is not allowed here.", fix, allowed)
    if error.status_code < 500:
        return problem("bad-body", "The request cannot be read.", "Send one JSON object.")
    return problem("internal", "The service failed.", "Ask again; then report it with the service's log.")


async def _fault(request: Request, error: Exception) -> Response:
    logger.error("fault while answering %s %r", request.method, request.url.path, exc_info=error)
    return problem(
        "internal",
        f"A fault of ours: {type(error).__name__}.",
        "Report it with the service's log; the details are there.",
    )


def declared() -> dict[int | str, dict[str, Any]]:
    """Return the error responses every route declares in OpenAPI."""
    codes = sorted({status for status, _ in STATUS_OF.values()} - {405, 500})
    titles = dict(STATUS_OF.values())
    return {code: {"model": Problem, "description": titles[code]} for code in codes}
