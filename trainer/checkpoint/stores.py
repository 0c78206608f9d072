"""Temporary stand-in."""
from __future__ import annotations
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4
from typing import Iterator, Protocol
from ..errors import TrainerError
from ..crash import crash_point

class Absent(Exception):
    pass
class StoreTrouble(TrainerError):
    exit_code = 4
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    key: str
    bytes: int
    modified_at: datetime
class Upload(Protocol):
    def write(self, data: memoryview | bytes) -> None: ...
    def commit(self) -> bool: ...
    def abort(self) -> None: ...
class LocalUpload:
    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.tmp = path, path.with_name(f"{path.name}.tmp-{uuid4().hex}")
        self.f = os.open(self.tmp, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        self.start = 0
        self.n = 0
    def write(self, data):
        data = memoryview(data)
        while data:
            k = os.write(self.f, data)
            self.n += k
            data = data[k:]
    def commit(self):
        os.fsync(self.f); os.close(self.f); self.f=-1
        crash_point("blob.before_rename")
        try:
            os.link(self.tmp, self.path)
        except FileExistsError:
            return False
        finally:
            os.unlink(self.tmp)
        d = os.open(self.path.parent, os.O_RDONLY); os.fsync(d); os.close(d)
        return True
    def abort(self):
        if self.f >= 0: os.close(self.f); self.f=-1
        self.tmp.unlink(missing_ok=True)
class LocalStore:
    def __init__(self, root): self.root = Path(root).absolute(); self.url = self.root.as_uri()
    def create(self, key, data):
        u = LocalUpload(self.root/key); u.write(data); return u.commit()
    def begin(self, key): return LocalUpload(self.root/key)
    def read(self, key, start=0, size=None):
        try:
            with open(self.root/key,'rb') as f:
                f.seek(start); return f.read(-1 if size is None else size)
        except FileNotFoundError: raise Absent(key) from None
    def read_into(self, key, start, buffer):
        try: f = os.open(self.root/key, os.O_RDONLY)
        except FileNotFoundError: raise Absent(key) from None
        try:
            if os.preadv(f,[buffer],start) != len(buffer): raise Absent(f"{key} is short")
        finally: os.close(f)
    def head(self, key): return None
    def list(self, prefix):
        d=self.root/prefix
        if d.is_dir():
            for p in sorted(d.iterdir()):
                yield StoredObject(key=f"{prefix}{p.name}",bytes=p.stat().st_size,modified_at=datetime.now(UTC))
    def delete(self, key): (self.root/key).unlink(missing_ok=True)
Store = LocalStore
def open_store(url): return LocalStore(url)
