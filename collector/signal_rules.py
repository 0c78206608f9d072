"""Rules for what is neither a price nor a life: bands, scores, interruptions, offers, listings, overheads.

They judge shape: a share is a share, a count counts something, and a word is one of those
the schema knows. What a table may not lack is asked for by name, because a missing value
would otherwise stop the whole batch in the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model.market import CapacityType
from model.signals import Denominator

from .judged import Judged, Mask, Rule

OUTCOMES: Final = ("scored", "unlisted", "refused")
INTERRUPTIONS: Final = ("interruption", "rebalance", "preempted")
WITNESSES: Final = ("eventbridge", "audit_log")
OVERHEADS: Final = ("restart", "pause", "upload", "restore", "wait")
LONGEST_OVERHEAD_S: Final = 366 * 86_400.0  # Nobody waits a year; a clock that was set back may say so.
DEAREST_OFFER_USD: Final = 1e8  # A hundred machines for a year; what lies far above does not fit the store.
DEAREST_TARIFF_USD: Final = 1e4  # Per GiB; the dearest published one is under 1.


def named(*columns: str) -> Rule:
    """A rule: these texts are there."""

    def rule(j: Judged) -> Iterator[tuple[str, Mask]]:
        for column in columns:
            yield f"no {column}", j.blank(column)

    return rule


def shared(j: Judged) -> Iterator[tuple[str, Mask]]:
    """A band is a stretch of shares of something, over some time."""
    low, high = j.table["rate_low"], j.table["rate_high"]
    yield "share lies outside 0 to 1", j.must(_share(low)) | ~_unknown_or(high, _share(high))
    yield "band ends below its beginning", ~j.must(pc.less(high, low))
    yield "saving lies outside 0 to 1", ~_unknown_or(j.table["saving"], _share(j.table["saving"]))
    window = j.table["window_s"]
    yield "band holds for no time", j.must(_span(j.table["horizon_s"]))
    yield "band was averaged over no time", ~_unknown_or(window, _span(window))
    yield "unknown denominator", j.outside("denominator", list(Denominator))


def scored(j: Judged) -> Iterator[tuple[str, Mask]]:
    """An answer is a score, a silence or a refusal, and holds what belongs to it."""
    yield "unknown outcome", j.outside("outcome", OUTCOMES)
    is_scored, is_refused = ~j.outside("outcome", ["scored"]), ~j.outside("outcome", ["refused"])
    yield "scored without a score", is_scored & j.blank("score")
    yield "a score that was not given", ~is_scored & ~j.missing("score")
    yield "a refusal of what was not refused", ~is_refused & ~j.missing("refusal")


def warned(j: Judged) -> Iterator[tuple[str, Mask]]:
    """An interruption is of a known sort, from a known witness; a promised notice is some time or none."""
    yield "unknown sort of interruption", j.outside("what", INTERRUPTIONS)
    yield "unknown witness", j.outside("witness", WITNESSES)
    notice = j.table["notice_s"]
    yield (
        "notice is no time",
        ~_unknown_or(notice, pc.and_(pc.greater_equal(notice, 0), pc.is_finite(notice))),
    )


def offered(j: Judged) -> Iterator[tuple[str, Mask]]:
    """An offer is of one machine or more, for some time, and costs something."""
    yield "unknown capacity type", j.outside("capacity_type", list(CapacityType))
    yield "offer of no machine", j.must(pc.greater_equal(j.table["instances"], 1))
    yield "offer ends before it starts", j.must(pc.greater(j.table["ends_at"], j.table["starts_at"]))
    usd = j.numbers("upfront_usd")
    with np.errstate(invalid="ignore"):
        yield "fee is no positive number", ~(usd > 0)
        yield f"fee above {DEAREST_OFFER_USD:.0f} USD", usd > DEAREST_OFFER_USD


def listed(j: Judged) -> Iterator[tuple[str, Mask]]:
    """A listed machine has GPUs, and their memory is some or unknown."""
    yield "listing of no GPU", j.must(pc.greater_equal(j.table["gpu_count"], 1))
    memory = j.table["gpu_memory_bytes"]
    yield "GPU without memory", ~_unknown_or(memory, pc.greater(memory, 0))


def charged(j: Judged) -> Iterator[tuple[str, Mask]]:
    """A tariff is a number; nothing is a price here, for first tiers are free."""
    usd = j.numbers("price_usd")
    with np.errstate(invalid="ignore"):
        yield "tariff is not a number", np.isnan(usd)
        yield "tariff is negative", usd < 0
        yield f"tariff above {DEAREST_TARIFF_USD:g} USD per unit", usd > DEAREST_TARIFF_USD


def spent(j: Judged) -> Iterator[tuple[str, Mask]]:
    """An overhead is of a known kind and took some time, or none; bytes may be unknown."""
    yield "unknown kind of overhead", j.outside("what", OVERHEADS)
    seconds = j.table["seconds"]
    possible = pc.and_(pc.greater_equal(seconds, 0), pc.less_equal(seconds, LONGEST_OVERHEAD_S))
    yield "seconds are no time", j.must(possible)
    yield "negative bytes", ~j.must(pc.less(j.table["bytes"], 0))


def _share(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.and_(pc.greater_equal(column, 0), pc.less_equal(column, 1))


def _span(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.and_(pc.greater(column, 0), pc.is_finite(column))


def _unknown_or(column: pa.ChunkedArray, holds: pa.ChunkedArray) -> Mask:
    """Where a condition holds, or the value is unknown, which is allowed."""
    return np.asarray(pc.or_(pc.is_null(column), pc.fill_null(holds, False)))
