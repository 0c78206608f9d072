"""Trust: for whoever asks whether what was predicted came, before they sign or launch.

Figures are those of the newest backtest, made and kept by the service; this page draws them.
"""

from __future__ import annotations

from dashboard import pieces, quality, reads
from dashboard.views import Page

NO_ANSWER = {"backtest_id": None, "why": "This service tells of no backtest."}


def show(url: str) -> None:
    """Show the newest backtest beside the age of what it rests on."""
    pieces.freshness(reads.status(url))
    quality.section(reads.quality(url).get("backtest") or NO_ANSWER)


PAGE = Page(
    name="trust",
    title="Trust",
    question="Did what we predicted come, and how far off were we?",
    icon=":material/verified:",
    show=show,
)
