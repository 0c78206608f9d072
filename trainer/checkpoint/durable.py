"""Files that are there whole or not at all, also after a power cut. POSIX filesystems only.

A file's bytes are forced to disk before it gets its name, and the folder after: without the
second, a machine that loses power may forget the name of a file it has kept.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from ..crash import crash_point

TEMPORARY = ".tmp-"


def write_temporary(path: Path, data: bytes | memoryview, what: str) -> Path:
    """Write `data`, forced to disk, beside `path` under a temporary name; `what` names its crash points."""
    crash_point(f"{what}.before_write")
    temporary = path.with_name(f"{path.name}{TEMPORARY}{uuid4().hex}")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        half = len(data) // 2
        _write_all(file, memoryview(data)[:half])
        crash_point(f"{what}.torn")
        _write_all(file, memoryview(data)[half:])
        os.fsync(file)
    finally:
        os.close(file)
    return temporary


def _write_all(file: int, data: memoryview) -> None:
    while data:
        data = data[os.write(file, data) :]


def create_once(path: Path, data: bytes) -> bool:
    """Create `path` with `data`, durably; return False, and change nothing, where it already exists."""
    temporary = write_temporary(path, data, "manifest")
    crash_point("manifest.before_link")
    try:
        os.link(temporary, path)  # A rename would overwrite; a link never does.
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    sync_folder(path.parent)
    crash_point("manifest.after_link")
    return True


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to disk."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
