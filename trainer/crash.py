"""Named places where a test may kill this very process, as a preemption without notice would.

`LOWTIDE_CRASH_AT=manifest.before_link` sends SIGKILL to the process when it first gets there,
`manifest.before_link:3` the third time. Without the variable a crash point costs one comparison.
The points are listed in POINTS, and a test goes through all of them.
"""

from __future__ import annotations

import os
import signal

POINTS = (
    "capture.before_copy",
    "capture.after_copy",  # Sealed in the arena, and the writer not yet told.
    "blob.before_write",
    "blob.torn",  # Half of a piece is written.
    "blob.before_rename",
    "blob.after_rename",
    "rank.before_write",
    "rank.after_write",
    "manifest.before_write",
    "manifest.torn",
    "manifest.before_link",
    "manifest.after_link",  # The checkpoint exists, and nobody has been told.
    "lease.before_swap",
    "lease.after_swap",
    "retention.before_unlink",
    "retention.before_sweep",
    "transfer.before_commit",
    "transfer.before_root",
    "carry.before_part",  # The blob stands in the shared store, its manifest does not.
    "carry.after_part",  # This rank's part stands there, and no root names it.
    "restore.before_apply",
)

_point, _left, _with = "", 0, 0


def arm(where: str) -> None:
    """Choose the point to die at: `name`, `name:3` for the third time, or nothing."""
    global _point, _left
    _point, _, nth = where.partition(":")
    _left = int(nth or 1)


def crash_point(name: str) -> None:
    """Die here if this is the armed point."""
    global _left
    if name != _point:
        return
    _left -= 1
    if _left == 0:
        if _with:
            os.kill(_with, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def die_with(pid: int) -> None:
    """Take another process along, as the loss of a machine does."""
    global _with
    _with = pid


arm(os.environ.get("LOWTIDE_CRASH_AT", ""))
