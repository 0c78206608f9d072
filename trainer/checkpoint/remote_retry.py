"""Sends a request again until it succeeds, is refused for good, or patience ends."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

from .stores import Absent, StoreTrouble

T = TypeVar("T")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
EXPIRED = ("ExpiredToken", "TokenRefreshRequired", "InvalidToken", "RequestExpired")  # S3 says so with a 400.
REFUSED = ("403 Forbidden", "AuthorizationPermissionMismatch", "not authorized to perform", "AccessDenied")
NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")


class Unsure(Exception):
    """A request failed in a way that leaves open whether it was carried out."""


class Denied(StoreTrouble):
    """The credentials may not do this."""


def keep_trying(
    what: str,
    act: Callable[[], T],
    *,
    url: str,
    patience_s: float,
    renew: Callable[[], None] | None,
    absent_passes: bool = False,
) -> T:
    """Do something until it is done. Pauses double, shortened at random so that ranks do not beat in time.

    Args:
        what: The act in words, for a refusal.
        renew: Makes the next request come with new credentials; done once, where they are refused.
        absent_passes: Whether an absent object is a passing trouble, as after a conflict.

    Raises:
        Absent, BadRange: There is no such object, or it is too short.
        Denied: The credentials may not, fresh ones neither.
        StoreTrouble: It did not succeed for `patience_s`, or there is no such bucket.
    """
    ends_s, pause_s, was_renewed = time.monotonic() + patience_s, FIRST_PAUSE_S, False
    while True:
        try:
            return act()
        except (Absent, StoreTrouble):
            raise
        except FileNotFoundError as trouble:
            _refuse_no_bucket(trouble, url)
            if not absent_passes:
                raise Absent(f"{what}: it is absent") from None
            last: Exception = trouble
        except Exception as trouble:
            last = trouble
            _refuse_no_bucket(trouble, url)
            if is_refusal(trouble):
                if was_renewed or renew is None:
                    seen = f"{url} refuses to {what}: {short(trouble)}."
                    raise Denied(seen, fix="Check what these credentials may do.") from None
                was_renewed = True
                renew()
        if time.monotonic() + pause_s > ends_s:
            raise StoreTrouble(
                f"{url} did not {what} within {patience_s:g} s: {short(last)}.",
                fix="Check the network and the bucket; what was committed stands.",
            ) from last
        time.sleep(pause_s * random.uniform(0.5, 1.0))
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _refuse_no_bucket(trouble: Exception, url: str) -> None:
    """Raise StoreTrouble where waiting will not help: a bucket does not come by itself."""
    if any(word in str(trouble) for word in NO_BUCKET):
        raise StoreTrouble(
            f"{url}: there is no such bucket.", fix="Make it, or correct the address in the plan."
        ) from trouble


def is_refusal(trouble: Exception) -> bool:
    """Whether the credentials were not accepted, or have expired."""
    if isinstance(trouble, (PermissionDeniedError, UnauthenticatedError, PermissionError)):
        return True
    return any(word in str(trouble) for word in EXPIRED + REFUSED)


def short(trouble: BaseException | None) -> str:
    """Return what a trouble says, without its debugging appendix."""
    return " ".join(str(trouble).partition("Debug source")[0].split())[:300] or type(trouble).__name__
