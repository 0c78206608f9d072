"""Giving a finished file its name: whoever finds the name finds all of the file, also after a power cut."""

from __future__ import annotations

import os
from pathlib import Path

from model.errors import ImpossibleInput


def publish(half: Path, path: Path) -> None:
    """Give a finished file its name, unless something has that name by now; both reach the disk.

    Raises:
        ImpossibleInput: The name is taken.
    """
    sync(half)
    try:
        os.link(half, path)  # Unlike a rename, this never takes the place of a file.
        half.unlink()
    except FileExistsError:
        raise taken(path) from None
    except OSError:  # A file system without links, such as that of a memory stick.
        if path.exists():
            raise taken(path) from None
        os.rename(half, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def taken(path: Path) -> ImpossibleInput:
    """The refusal to write over a file."""
    return ImpossibleInput(f"{path} exists already.", fix="Name a file that does not exist.")
