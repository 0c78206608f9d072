"""Calling a Google client: what is worth repeating, what is a refusal, what is no answer.

Google's own retries are switched off where these calls are made, so that one budget holds
for all sources. An error names the method; the message of the provider is left out, since a
key or a project may stand in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import requests
from google.api_core import exceptions
from google.auth import exceptions as auth
from google.protobuf import json_format

from .base import SourceSkipped, UnreadableSource
from .retry import Again, retry_after_s, with_retries
from .web import CHANGED, Patience

T = TypeVar("T")


def answered(call: Callable[[], T], where: str, patience: Patience) -> T:
    """What `call` gives; `where` is the method's name, for errors.

    Raises:
        SourceSkipped: The credential is missing, refused, or may not read this.
        SourceUnavailable: Busy for longer than the patience.
        UnreadableSource: The answer is not what the client was made for.
    """

    def once() -> T:
        with told(where):
            return call()

    return with_retries(once, budget_s=patience.budget_s, sleep=patience.sleep, now=patience.now)


@contextmanager
def told(where: str) -> Iterator[None]:
    """Turn what a Google client raises into our own words."""
    try:
        yield
    except (exceptions.TooManyRequests, exceptions.ServerError) as busy:
        raise Again(f"{where} answered {_code(busy)}", after_s=_after_s(busy)) from None
    except (requests.exceptions.RequestException, exceptions.RetryError, auth.TransportError) as lost:
        raise Again(f"{where} could not be reached ({type(lost).__name__})") from None
    except (exceptions.Unauthorized, exceptions.Forbidden, auth.GoogleAuthError):
        raise SourceSkipped(
            f"{where} refused the credential: it is missing, not accepted, or may not read this.",
            fix="Check the credential named for this source and the API it needs.",
        ) from None
    except exceptions.GoogleAPICallError as refused:
        raise UnreadableSource(f"{where} answered {_code(refused)}.", fix=CHANGED) from None
    except (json_format.ParseError, ValueError, TypeError, LookupError, AttributeError) as odd:
        raise UnreadableSource(
            f"{where} gave an answer of another shape ({type(odd).__name__}): cut short or changed.",
            fix=CHANGED,
        ) from None


def _code(trouble: exceptions.GoogleAPICallError) -> str:
    """The HTTP status, or the class's name where there is none."""
    return str(int(trouble.code)) if trouble.code is not None else type(trouble).__name__


def _after_s(busy: exceptions.GoogleAPICallError) -> float | None:
    """Seconds of a Retry-After header, over HTTP; None over gRPC."""
    headers: Any = getattr(busy.response, "headers", None)
    return retry_after_s(headers.get("Retry-After"), datetime.now(UTC)) if headers is not None else None
