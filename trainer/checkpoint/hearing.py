"""Tells somebody from a thread that must not end by what comes of it, such as a run log on a full disk."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def tell(told: Callable[[T], None], what: T) -> None:
    """Tell it; an error of whoever hears it is said aloud and goes no further."""
    try:
        told(what)
    except Exception as trouble:
        print(f"lowtide-run: {type(what).__name__} was not noted: {trouble}", file=sys.stderr)
