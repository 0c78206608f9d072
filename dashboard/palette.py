"""Colours that a colour-blind reader can tell apart, on light and on dark paper.

The series colours are Okabe and Ito's; each has at least 3:1 contrast on its paper, so blue is
their sky blue on the dark one. Colour is never the only sign: every chart also varies shape,
dash, height or label.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """What a chart is drawn with on one paper."""

    paper: str  # The ground, for hollow marks and the gaps of a stack.
    text: str  # Labels; at least 4.5:1.
    baseline: str  # What we compare with: on-demand, the prediction.
    blue: str
    vermillion: str = "#D55E00"
    green: str = "#009E73"
    purple: str = "#CC79A7"


LIGHT = Ink(paper="#FFFFFF", text="#1B1F24", baseline="#5A6270", blue="#0072B2")
DARK = Ink(paper="#0E1117", text="#E6E9EE", baseline="#9AA4B2", blue="#56B4E9")


def ink(theme: str | None) -> Ink:
    """Return the ink for the reader's theme; an unknown theme is read on light paper."""
    return DARK if theme == "dark" else LIGHT
