"""Named places where a test may kill this very process, as a preemption without notice would.

`LOWTIDE_CRASH_AT=manifest.before_link` sends SIGKILL to the process when it first gets there,
`manifest.before_link:3` the third time. Without the variable a crash point costs one comparison.
The points are listed in POINTS, and a test goes through all of them.
"""

from __future__ import annotations

import os
import signal

POINTS = (
    "block.before_write",
    "block.torn",  # Half of the block's bytes are written.
    "block.before_rename",
    "block.after_rename",
    "manifest.before_write",
    "manifest.torn",
    "manifest.before_link",
    "manifest.after_link",  # The checkpoint exists, and nobody has been told.
    "retention.before_unlink",
    "retention.before_sweep",
    "restore.before_apply",
)

_point, _left = "", 0


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
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("LOWTIDE_CRASH_AT", ""))
