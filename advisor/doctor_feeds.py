"""The doctor's look at live feeds: credentials, clocks, and how old each source is.

Credentials are those of this command's environment; a service elsewhere has its own. A check that
could not be made is told as that, with why, and is no pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from .doctor import Finding
from .format import seconds
from .settings import Settings, credentials

MOST_SKEW_S = 60.0  # AWS refuses requests from 5 minutes on; prices are stamped with our clock before that.


def feeds(settings: Settings, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Check the credential of every configured feed, and our clock against the providers'."""
    config = settings.collect.config()
    if not config.feeds:
        yield Finding(check="feeds", ok=None, seen="not checked: no live feed is configured")
        return
    from collector.feed_checks import check_feed

    clocks: dict[str, float] = {}
    for name, feed in config.feeds.items():
        checked = check_feed(name, feed, environ=credentials(), now=now)
        if checked.clock_ahead_s is not None:
            clocks[name] = checked.clock_ahead_s
        yield credential_finding(name, checked.verdict, checked.seen, checked.fix)
    yield clock_finding(clocks or service_clock(settings, now))


def service_clock(settings: Settings, now: Callable[[], datetime]) -> dict[str, float]:
    """Return how far our clock is before that of a service on another machine; empty where none tells."""
    from collector.feed_checks import ahead_s
    from model.errors import LowtideError

    from .auth import is_loopback
    from .client import Client

    if is_loopback(urlsplit(settings.service_url).hostname or ""):
        return {}  # Its clock is ours.
    try:
        with Client(settings.service_url, settings.token) as client:
            off_s = ahead_s(client.date(), now())
    except LowtideError:
        return {}
    return {} if off_s is None else {"the service": off_s}


def credential_finding(name: str, verdict: str, seen: str, fix: str) -> Finding:
    """Say what a provider thinks of a credential."""
    if verdict == "not checked":
        return Finding(check=f"feed {name}", ok=None, seen=f"not checked: {seen}")
    return Finding(check=f"feed {name}", ok=verdict == "accepted", seen=seen, fix=fix)


def clock_finding(ahead_s: Mapping[str, float]) -> Finding:
    """Say how far our clock is from the others: of providers, or of the service where they told nothing."""
    if not ahead_s:
        return Finding(check="clock", ok=None, seen="not checked: no answer told the time")
    name = min(ahead_s, key=lambda each: abs(ahead_s[each]))  # One provider's own clock may be wrong.
    off = ahead_s[name]
    words = "agrees" if abs(off) < 2 else f"is {seconds(abs(off))} {'ahead' if off > 0 else 'behind'}"
    return Finding(
        check="clock",
        ok=abs(off) <= MOST_SKEW_S,
        seen=f"{words}, by the answer of {name}",
        fix="Set this machine's clock right (chrony, ntpd); every fact is stamped with it.",
    )


def sources(told: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Say of every live source whether it is fresh enough; one that nobody collects is only told."""
    for source in told:
        yield source_finding(source)


def source_finding(source: Mapping[str, Any]) -> Finding:
    """Say how a live source stands."""
    age = "never read" if source["age_s"] is None else f"read {seconds(source['age_s'])} ago"
    why = f"; last pass {source['outcome']}" + (f": {source['trouble']}" if source["trouble"] else "")
    limit = f" (stale after {seconds(source['stale_after_s'])})"
    check, gaps = f"live {source['source_id']}", len(source["gaps"])
    seen = age + limit + why + (f"; {gaps} gaps" if gaps else "")
    if source["outcome"] == "not read yet":
        return Finding(check=check, ok=None, seen=f"not checked: it was never read{limit}")
    if not source["configured"]:
        return Finding(check=check, ok=None, seen=f"not checked: no longer configured; {seen}")
    return Finding(
        check=check, ok=not source["stale"], seen=seen,
        fix="Mend what the last pass says, and keep lowtide serve running; see lowtide collect status.",
    )  # fmt: skip
