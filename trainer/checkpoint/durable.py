"""Files that are there whole or not at all, also after a power cut. POSIX filesystems only.

A file's bytes are forced to disk before it gets its name, and the folder after: without the
second, a machine that loses power may forget the name of a file it has kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from .stores import StoreTrouble

TEMPORARY = ".tmp-"
OPEN_ATTEMPTS = 3


@contextmanager
def trouble(path: Path) -> Iterator[None]:
    """Turn what the system says about a file into a refusal with a next step."""
    try:
        yield
    except OSError as error:
        seen = f"{error.filename or path}: {error.strerror or error}."
        raise StoreTrouble(seen, fix="Check the disk, its free space and the rights.") from error


def open_temporary(path: Path) -> tuple[Path, int]:
    """Open a new file beside `path`, making the folder where it is absent or was just swept away."""
    temporary = path.with_name(f"{path.name}{TEMPORARY}{uuid4().hex}")
    for attempt in range(OPEN_ATTEMPTS):
        make_folder(path.parent)
        try:
            return temporary, os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            if attempt == OPEN_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, durably, where they are absent."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def link_once(temporary: Path, path: Path) -> bool:
    """Give a file its name, durably; False where the name is taken. A rename would overwrite."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    sync_folder(path.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to disk."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
