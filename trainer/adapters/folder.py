"""A framework's own checkpoint folder as the state of a session.

Frameworks know best what they need in order to go on, and write it as files. We take those files as they are:
sealed, committed, copied, put back, and handed to the framework to go on from. What they cost beyond ours is
one more copy through a folder; what a framework pickles it also unpickles, after we have verified it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..checkpoint.capture import random_state, set_random_state


class FolderState:
    """What a session saves and restores in place of an optimizer.

    Args:
        room: A folder of ours; `now` and `restored` in it are made and removed as needed.
        write: Writes the framework's checkpoint into a folder that exists and is empty.
    """

    def __init__(self, room: Path, write: Callable[[Path], None] | None = None) -> None:
        self._room, self.write = room, write
        self.restored: Path | None = None  # The framework's folder, once a session has put one back.
        self._random: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Have the framework write its checkpoint, and return its files."""
        if self.write is None:
            return {"files": {}, "random": None}  # Nothing was trained yet.
        folder = _emptied(self._room / "now")
        self.write(folder)
        found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        files = {path.relative_to(folder).as_posix(): _read(path) for path in found}
        shutil.rmtree(folder)
        return {"files": files, "random": random_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put the files back, for the framework to read."""
        folder = _emptied(self._room / "restored")
        for name, data in state_dict["files"].items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.numpy().tobytes())
        self.restored, self._random = folder, state_dict["random"]

    def resume_random(self) -> None:
        """Set the generators as they were, once the framework has done what it does at a start."""
        if self._random is not None:
            set_random_state(self._random)
            self._random = None


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _read(path: Path) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(bytearray(path.read_bytes()), dtype=np.uint8))
