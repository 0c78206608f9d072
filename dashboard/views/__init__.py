"""One view answers one question for one person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page: its name in addresses, its title and icon, the question it answers, and how to show it."""

    name: str
    title: str
    icon: str
    question: str
    show: Callable[[str], None]  # Takes the service's address.
