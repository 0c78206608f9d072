"""The drawing board of the report: axes, marks and lines as inline SVG text.

Standard library only, no script, no network. Colours come from the page's style sheet through
classes, so one drawing serves light and dark paper. Every piece of text is escaped here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from math import floor, log10

WIDTH = 920
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 14, 44
TICKS = 6


def ticks(low: float, high: float, wanted: int = TICKS) -> list[float]:
    """Return about `wanted` round values in [low, high]: steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    if span <= 0:
        return [low]
    rough = span / wanted
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = floor(low / step)
    values = [step * (first + index) for index in range(int(span / step) + 3)]
    return [value for value in values if low - 1e-9 * span <= value <= high + 1e-9 * span]


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Return the map from [low, high] to pixels [start, end]; one point maps to the start."""
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


class Board:
    """One drawing: `x` and `y` map values to pixels, `add` collects marks, `svg` closes it.

    Args:
        height: Pixels, with margins.
        x: Lowest and highest value from left to right.
        y: Lowest and highest value from bottom to top.
        left: Pixels kept for the labels at the left.
    """

    def __init__(
        self, height: int, *, x: tuple[float, float], y: tuple[float, float] = (0, 1), left: int = LEFT
    ) -> None:
        self.height, self.left = height, left
        self._x_range, self._y_range = x, y
        self.x = scale(*x, left, WIDTH - RIGHT)
        self.y = scale(*y, height - BOTTOM, TOP)
        self._marks: list[str] = []

    def add(self, mark: str) -> None:
        """Add one SVG element."""
        self._marks.append(mark)

    def text(self, x: float, y: float, words: str, *, anchor: str = "start", css: str = "label") -> None:
        """Write words at a pixel."""
        self.add(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{css}">{escape(words)}</text>')

    def line(self, points: Sequence[tuple[float, float]], css: str) -> None:
        """Draw a line through values."""
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self.add(f'<polyline points="{path}" class="{css}"/>')

    def rule(self, x1: float, y1: float, x2: float, y2: float, css: str) -> None:
        """Draw a straight line between pixels."""
        self.add(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>')

    def bar(self, x1: float, x2: float, y: float, thickness: float, css: str, tip: str) -> None:
        """Draw a bar between two x pixels, centred on a y pixel, at least a hair wide."""
        width = max(x2 - x1, 0.8)
        self.add(
            f'<rect x="{x1:.1f}" y="{y - thickness / 2:.1f}" width="{width:.1f}" height="{thickness:.1f}" '
            f'class="{css}"><title>{escape(tip)}</title></rect>'
        )

    def cross(self, x: float, y: float, tip: str) -> None:
        """Mark a loss without notice at a pixel."""
        path = f"M{x - 5:.1f},{y - 5:.1f}l10,10m0,-10l-10,10"
        self.add(f'<path d="{path}" class="kill"><title>{escape(tip)}</title></path>')

    def triangle(self, x: float, y: float, tip: str) -> None:
        """Mark a loss with notice at a pixel."""
        path = f"M{x:.1f},{y - 6:.1f}l6,11h-12z"
        self.add(f'<path d="{path}" class="notice"><title>{escape(tip)}</title></path>')

    def x_axis(self, title: str, show: Callable[[float], str]) -> None:
        """Draw the grid and numbers along the bottom."""
        floor_y = self.height - BOTTOM
        for value in ticks(*self._x_range):
            self.rule(self.x(value), TOP, self.x(value), floor_y, "grid")
            self.text(self.x(value), floor_y + 16, show(value), anchor="middle")
        self.text((self.left + WIDTH - RIGHT) / 2, self.height - 8, title, anchor="middle", css="title")

    def y_axis(self, show: Callable[[float], str]) -> None:
        """Draw the grid and numbers along the left."""
        for value in ticks(*self._y_range, 5):
            self.rule(self.left, self.y(value), WIDTH - RIGHT, self.y(value), "grid")
            self.text(self.left - 8, self.y(value) + 4, show(value), anchor="end")

    def svg(self, name: str) -> str:
        """Return the drawing; `name` is what a screen reader says."""
        body = "\n".join(self._marks)
        return (
            f'<svg viewBox="0 0 {WIDTH} {self.height}" role="img" aria-label="{escape(name, quote=True)}">\n'
            f"{body}\n</svg>"
        )
