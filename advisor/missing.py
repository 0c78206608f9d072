"""Refusals that only the service has: a thing that is not there, a request that comes too late."""

from __future__ import annotations

from model.errors import ImpossibleInput


class Missing(ImpossibleInput):
    """What was asked for does not exist here."""

    slug = "not-found"


class Conflict(ImpossibleInput):
    """The request contradicts what has happened since."""

    slug = "conflict"
