"""The demo's folder: cleared for a new demo, and never if it is anybody else's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from model.errors import EnvironmentTrouble, ImpossibleInput

MARKER = "demo.pid"  # Says that a folder is a demo's, and which process's.


def clear(out: Path) -> None:
    """Make the folder empty, if it is new or of a demo that is over, and mark it as ours.

    Raises:
        ImpossibleInput: It holds something that no demo wrote.
        EnvironmentTrouble: A demo is at work in it.
    """
    marker = out / MARKER
    if out.exists() and any(out.iterdir()) and not marker.exists():
        raise ImpossibleInput(
            f"{out} holds files that no demo wrote.", fix="Pass --out with a folder that does not exist yet."
        )
    owner = marker.read_text().strip() if marker.exists() else ""
    if owner.isdigit() and int(owner) != os.getpid() and Path(f"/proc/{owner}").exists():
        raise EnvironmentTrouble(
            f"A demo (process {owner}) is at work in {out}.", fix="Wait for it, or pass another --out."
        )
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    marker.write_text(f"{os.getpid()}\n")
