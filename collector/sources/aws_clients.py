"""Clients of AWS, their pages, and what their complaints mean to us.

Credentials stay inside boto3: a profile is given by name, and no error repeats what AWS wrote
about a key. boto3 retries by itself, in adaptive mode; nothing here asks twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import boto3
from botocore import exceptions as boto
from botocore.config import Config
from botocore.parsers import ResponseParserError

from model.errors import LowtideError

from .base import SourceSkipped, SourceUnavailable, UnreadableSource

ATTEMPTS: Final = 8  # With boto3's backoff of at most 20 s each: two minutes of patience.
BUSY: Final = frozenset(
    {
        "InternalError", "InternalFailure", "RequestLimitExceeded", "RequestThrottled", "ServiceUnavailable",
        "SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException", "Unavailable",
    }
)  # fmt: skip
REFUSED: Final = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "AuthFailure", "Blocked", "ExpiredToken",
        "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException",
        "MissingAuthenticationToken", "OptInRequired", "PendingVerification", "RequestExpired",
        "SignatureDoesNotMatch", "UnauthorizedOperation", "UnrecognizedClientException",
    }
)  # fmt: skip
NO_CREDENTIAL: Final = (
    boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError, boto.SSOError,
    boto.ProfileNotFound, boto.TokenRetrievalError,
)  # fmt: skip
SHAPE: Final = (LookupError, TypeError, ValueError, AttributeError)  # What a foreign answer trips over.

ClientFor = Callable[[str, str], Any]  # Service and region to a boto3 client.


def aws_clients(profile: str | None = None, *, attempts: int = ATTEMPTS) -> ClientFor:
    """A maker of clients for one account: `client_for("ec2", "us-east-1")`.

    Args:
        profile: Name of a profile of the AWS configuration; None takes boto3's own chain.
        attempts: Tries of one request, the first included.

    Raises:
        SourceSkipped: There is no such profile; from the maker, a region cannot be one.
    """
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": attempts}, connect_timeout=10, read_timeout=60
    )
    with _configured("AWS", f"profile {profile!r}"):
        session = boto3.Session(profile_name=profile)

    def client_for(service: str, region: str) -> Any:
        with _configured(f"AWS {service}", f"region {region!r}"):
            return session.client(service, region_name=region, config=config)

    return client_for


@contextmanager
def _configured(what: str, setting: str) -> Iterator[None]:
    """Turn a refusal of boto3 to use a setting into ours."""
    try:
        yield
    except boto.BotoCoreError as refusal:
        raise SourceSkipped(
            f"{what} cannot be asked with {setting}: {type(refusal).__name__}.",
            fix="Correct it, or run `aws configure`.",
        ) from None


def pages(client: Any, operation: str, key: str, **params: object) -> Iterator[Any]:
    """The entries under `key` of every page, in the order they come.

    Raises:
        UnreadableSource: A page token came back, or a page has no such key.
    """
    seen: set[str] = set()
    try:
        for page in client.get_paginator(operation).paginate(**params):
            if key not in page:
                raise UnreadableSource(f"{endpoint(client, operation)} answered without {key}.", fix=_AGAIN)
            yield from page[key]
            token = page.get("NextToken")
            if token and token in seen:
                raise _looping(client, operation)
            seen.add(token)
    except boto.PaginationError:
        raise _looping(client, operation) from None


def endpoint(client: Any, operation: str) -> str:
    """Service, operation and region of a call: what an error names."""
    meta = client.meta
    name = meta.method_to_api_mapping[operation]
    return f"AWS {meta.service_model.service_name} {name} in {meta.region_name}"


@contextmanager
def asking(client: Any, operation: str) -> Iterator[None]:
    """Turn what goes wrong inside into our refusals, named after the operation.

    Raises:
        SourceSkipped: No credential, or one that may not do this, or a region not opted in.
        SourceUnavailable: Throttled or down, after all of boto3's retries.
        UnreadableSource: The answer is damaged, or not of the shape the service promises.
    """
    where = endpoint(client, operation)
    try:
        yield
    except LowtideError:
        raise
    except boto.ClientError as refusal:
        raise complaint(refusal, where) from None
    except NO_CREDENTIAL as missing:
        raise SourceSkipped(
            f"{where} was not asked: {type(missing).__name__}.",
            fix="Give AWS credentials: AWS_PROFILE, AWS_ACCESS_KEY_ID with its secret, or a role.",
        ) from None
    except boto.BotoCoreError as lost:
        raise SourceUnavailable(
            f"{where} could not be asked ({type(lost).__name__}).",
            fix="Check the network and the AWS configuration; what was read before is kept.",
        ) from None
    except (ResponseParserError, *SHAPE) as foreign:
        raise UnreadableSource(
            f"{where} answered in a shape that it does not promise ({type(foreign).__name__}).", fix=_AGAIN
        ) from None


def code_of(refusal: boto.ClientError) -> str:
    """The error code of an answer."""
    return str(refusal.response.get("Error", {}).get("Code", "unknown"))


def complaint(refusal: boto.ClientError, where: str) -> LowtideError:
    """What an error answer means; its code is repeated, its message is not: it may name a key."""
    code = code_of(refusal)
    status = int(refusal.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in REFUSED or status in (401, 403):
        return SourceSkipped(
            f"{where} refused with {code}, so it is skipped.",
            fix="Renew the credential, allow the operation, opt in to the region, or set the clock right.",
        )
    if code in BUSY or status == 429 or status >= 500:
        return SourceUnavailable(
            f"{where} answered {code} ({status}) through every retry.",
            fix="What was read before is kept; collect again later.",
        )
    return UnreadableSource(
        f"{where} answered {code} ({status}), which it should not to a valid question.",
        fix="Check the settings of this source: regions, machine types, queue.",
    )


_AGAIN: Final = "Collect again; if it stays, upgrade lowtide, for the service may have changed."


def _looping(client: Any, operation: str) -> UnreadableSource:
    """The refusal of pages that lead in a circle."""
    return UnreadableSource(
        f"{endpoint(client, operation)} names a page it gave before as the next.", fix=_AGAIN
    )
