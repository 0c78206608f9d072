"""The four charts of the report. Each is a drawing with its table, for a chart alone can be unreadable.

They draw what they are given and compute nothing that is said as a number. Hours are market
hours since the job's start; money is USD. A loss without notice is a cross, one with notice a
triangle; the kinds of time differ in height as well as in colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import format as fmt
from .report_svg import RIGHT, TOP, WIDTH, Board

LANE_PX = 34
LANES_LEFT = 250
LEGEND_PX = 26
LONGEST_NAME = 24  # Letters of a SKU in a label; the table has all of them.
HATCH = (
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><line x1="0" y1="0" x2="0" y2="6" class="hatch"/></pattern></defs>'
)
THICKNESS = {
    "run": 20.0,
    "lost": 20.0,
    "save": 26.0,
    "restore": 10.0,
    "boot": 10.0,
    "idle": 3.0,
    "waiting": 3.0,
}
SAID = {
    "run": "training", "lost": "lost work", "save": "saving", "restore": "restoring",
    "boot": "booting", "idle": "idle", "waiting": "waiting",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of one attempt in one pool."""

    pool_id: str
    attempt: int
    kind: str
    from_h: float
    until_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A machine taken back."""

    pool_id: str
    attempt: int
    at_h: float
    step: int  # Steps completed by then.
    with_notice: bool
    signal: str
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One ranked pool: effective USD per useful GPU-hour."""

    rank: int
    pool_id: str
    p10: float
    p50: float
    p90: float
    ran: bool  # The run was there at some time.


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing and its table."""

    title: str
    note: str
    svg: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def timeline(spans: Sequence[Span], losses: Sequence[Loss]) -> Chart:
    """Draw what each attempt did, one lane per pool, in the order in which pools were used."""
    pools = list(dict.fromkeys(span.pool_id for span in spans))
    end_h = max((span.until_h for span in spans), default=1.0)
    board = Board(TOP + LEGEND_PX + 44 + LANE_PX * len(pools), x=(0, end_h), left=LANES_LEFT)
    board.add(HATCH)
    board.x_axis("market hours since the start", lambda value: f"{value:g}")
    _legend(board, [kind for kind in SAID if any(span.kind == kind for span in spans)])
    middle = {pool: TOP + LEGEND_PX + LANE_PX * (index + 0.5) for index, pool in enumerate(pools)}
    for pool, y in middle.items():
        board.text(LANES_LEFT - 8, y + 4, short(pool), anchor="end")
    for span in spans:
        tip = f"attempt {span.attempt}: {SAID[span.kind]}, {fmt.hours(span.until_h - span.from_h)}"
        at = board.x(span.from_h), board.x(span.until_h), middle[span.pool_id], THICKNESS[span.kind]
        board.bar(*at, f"span {span.kind}", tip)
    for loss in losses:
        if loss.pool_id in middle:
            _mark(board, loss, board.x(loss.at_h), middle[loss.pool_id])
    rows = [
        (str(span.attempt), span.pool_id, SAID[span.kind], f"{span.from_h:.2f}", f"{span.until_h:.2f}")
        for span in spans
    ]
    return Chart(
        title="Where it ran, and what it did there",
        note="One lane per pool. Tall: saving; full height: training or lost work (hatched); low: booting "
        "and restoring; a thread: waiting. ✕ taken back without notice, ▲ with notice.",
        svg=board.svg("Timeline of attempts by pool"),
        head=("Attempt", "Pool", "What", "From, h", "Until, h"),
        rows=tuple(rows),
    )


def _legend(board: Board, kinds: Sequence[str]) -> None:
    x = 8.0
    for kind in kinds:
        board.bar(x, x + 16, TOP + 6, min(THICKNESS[kind], 14.0), f"span {kind}", SAID[kind])
        board.text(x + 22, TOP + 10, SAID[kind])
        x += 40 + 6.2 * len(SAID[kind])


def cost_over_time(
    paid: Sequence[tuple[float, float]], on_demand: Sequence[tuple[float, float]],
    band: tuple[float, float, float], losses: Sequence[Loss],
) -> Chart:  # fmt: skip
    """Draw cumulative machine cost against on-demand's, and the predicted P10, P50 and P90 at the end."""
    end_h = max(x for x, _ in [*paid, *on_demand])
    top = 1.06 * max(y for _, y in [*paid, *on_demand, (0.0, band[2])])
    board = Board(300, x=(0, end_h), y=(0, top))
    board.x_axis("market hours since the start", lambda value: f"{value:g}")
    board.y_axis(lambda value: fmt.usd(value, 0))
    low, median, high = (board.y(value) for value in band)
    edge = WIDTH - RIGHT
    board.add(
        f'<rect x="{edge - 14}" y="{high:.1f}" width="14" height="{max(low - high, 1):.1f}" class="band">'
        f"<title>predicted P10 to P90</title></rect>"
    )
    board.rule(edge - 14, median, edge, median, "median")
    board.line(on_demand, "line baseline")
    board.line(paid, "line paid")
    for loss in losses:
        _mark(board, loss, board.x(loss.at_h), board.y(_at(paid, loss.at_h)))
    board.text(board.x(on_demand[-1][0]) - 6, board.y(on_demand[-1][1]) - 6, "on-demand", anchor="end")
    board.text(board.x(paid[-1][0]) - 20, board.y(paid[-1][1]) - 10, "paid", anchor="end")
    names = (("paid", paid), ("on-demand, nothing lost", on_demand))
    rows = [(name, f"{x:.2f}", fmt.usd(y)) for name, line in names for x, y in line]
    return Chart(
        title="What it cost",
        note="Solid: machines billed so far. Dashed: the same useful hours on-demand, nothing lost. "
        "At the right edge: the predicted interval P10 to P90 with its median.",
        svg=board.svg("Cost over time"),
        head=("Line", "Hour", "USD"),
        rows=tuple(rows),
    )


def progress(steps: Sequence[Sequence[tuple[float, int]]], losses: Sequence[Loss]) -> Chart:
    """Draw steps completed over time, one line per attempt, with the losses."""
    every = [point for line in steps for point in line] or [(1.0, 1)]
    board = Board(280, x=(0, max(x for x, _ in every)), y=(0, 1.05 * max(y for _, y in every)))
    board.x_axis("market hours since the start", lambda value: f"{value:g}")
    board.y_axis(fmt.count)
    for line in steps:
        board.line([(x, float(y)) for x, y in line], "line paid")
    for loss in losses:
        _mark(board, loss, board.x(loss.at_h), board.y(loss.step))
    rows = [
        (str(loss.attempt), f"{loss.at_h:.2f}", fmt.count(loss.step), loss.signal, loss.phase, loss.pool_id)
        for loss in losses
    ]
    return Chart(
        title="How it got on",
        note="Steps completed. A fall is lost work: the next attempt goes on from the newest checkpoint. "
        "✕ SIGKILL, ▲ SIGTERM.",
        svg=board.svg("Training progress"),
        head=("Attempt", "Lost at, h", "Step", "Signal", "Phase", "Pool"),
        rows=tuple(rows),
    )


def ranking(choices: Sequence[Choice]) -> Chart:
    """Draw each ranked pool's effective price: a dot at P50, a line from P10 to P90."""
    low = min(choice.p10 for choice in choices)
    high = max(choice.p90 for choice in choices)
    pad = 0.05 * (high - low or high)
    board = Board(TOP + 44 + 26 * len(choices), x=(max(low - pad, 0.0), high + 3 * pad), left=330)
    board.x_axis("USD per useful GPU-hour", lambda value: f"{value:g}")
    for index, choice in enumerate(choices):
        y = TOP + 26 * (index + 0.5)
        board.text(322, y + 4, f"{choice.rank}. {short(choice.pool_id)}", anchor="end")
        board.rule(board.x(choice.p10), y, board.x(choice.p90), y, "interval")
        css = "dot ran" if choice.ran else "dot"
        board.add(f'<circle cx="{board.x(choice.p50):.1f}" cy="{y:.1f}" r="6" class="{css}"/>')
        board.text(board.x(choice.p90) + 9, y + 4, f"{choice.p50:.3f}")
    rows = [
        (str(each.rank), each.pool_id, *(f"{value:.4f}" for value in (each.p10, each.p50, each.p90)))
        for each in choices
    ]
    return Chart(
        title="Where the advisor wanted to go, and how sure it was",
        note="Dot: P50; line: P10 to P90. Filled: the run was there at some time.",
        svg=board.svg("Effective price by pool"),
        head=("Rank", "Pool", "P10", "P50", "P90"),
        rows=tuple(rows),
    )


def short(pool_id: str) -> str:
    """Return a pool's name as a lane shows it: place, SKU, and on-demand where it is that."""
    _, region, zone, sku, capacity = pool_id.split("/")
    place = region if zone == "-" else zone.removeprefix("name:")
    name = sku if len(sku) <= LONGEST_NAME else f"{sku[: LONGEST_NAME - 1]}…"
    return f"{place} {name}" + ("" if capacity == "spot" else f" {capacity.replace('_', '-')}")


def _mark(board: Board, loss: Loss, x: float, y: float) -> None:
    tip = f"{loss.signal} at hour {loss.at_h:.2f}, step {loss.step}, while in {loss.phase}"
    (board.triangle if loss.with_notice else board.cross)(x, y, tip)


def _at(line: Sequence[tuple[float, float]], x: float) -> float:
    """The height of a line at x, the last point before it."""
    return next((y for at, y in reversed(line) if at <= x), 0.0)
