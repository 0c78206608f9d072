"""A drill's verdict as text."""

from __future__ import annotations

from collections.abc import Sequence

from .drill_verdict import Start, Verdict

HEAD = ("round", "attempt", "struck", "exit", "from step", "to step", "acknowledged", "seconds")
LEFT = (2,)  # Columns of words.
NOT_STRUCK, MISSED = "–", "{} (done before)"


def table(verdict: Verdict, starts: Sequence[Start]) -> str:
    """Return the starts, one a line, the figures, and the verdict last."""
    rows = [HEAD, *(_row(start) for start in starts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "  ".join(
            cell.ljust(width) if column in LEFT else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, "", *_figures(verdict), "", *_words(verdict)])


def _row(start: Start) -> tuple[str, ...]:
    strike = NOT_STRUCK if start.strike is None else start.strike.name
    return (
        str(start.round),
        str(start.attempt),
        strike if start.landed or start.strike is None else MISSED.format(strike),
        "hung" if start.hung else str(start.exit_code),
        _number(start.restored_step),
        _number(start.last_step),
        str(start.committed_step),
        f"{start.seconds:.1f}",
    )


def _number(value: int | None) -> str:
    return "–" if value is None else str(value)


def _figures(verdict: Verdict) -> list[str]:
    kinds = ", ".join(f"{count} {kind}" for kind, count in verdict.by_kind.items())
    notices = verdict.by_kind.get("notice", 0)
    lines = [
        f"Kills that landed   {verdict.kills} of {verdict.kills_asked} ({kinds or 'none'})",
        f"Restores            {verdict.restores}, in {verdict.starts} starts and {verdict.rounds} rounds",
        f"Steps done again    {verdict.steps_lost}",
    ]
    if notices:
        lines.append(f"Notices obeyed      {verdict.saved_on_notice} of {notices} lost no step")
    if verdict.points_not_reached:
        lines.append(f"Never reached       {', '.join(verdict.points_not_reached)}")
    return lines


def _words(verdict: Verdict) -> list[str]:
    if verdict.ok:
        return ["PASSED: nothing acknowledged was lost, and the weights are those of an uninterrupted run."]
    return ["FAILED:", *(f"  {problem}" for problem in verdict.problems)]
