"""Routes of the store as a whole: copy it, back it up, check it; all of them at its own machine."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response

from .auth import needs
from .dependencies import ServiceOf, answer
from .wire import BackupRequest, SnapshotRequest

router = APIRouter(prefix="/v1/store")
admin = [Depends(needs("admin"))]


@router.post("/snapshot", status_code=201, dependencies=admin)
def snapshot(body: SnapshotRequest, service: ServiceOf) -> Response:
    """Write a consistent copy of the store to a new file."""
    return answer(service.snapshot(body), 201)


@router.post("/backup", status_code=201, dependencies=admin)
def backup(body: BackupRequest, service: ServiceOf) -> Response:
    """Write a backup of the store, Parquet with checksums, to a new file."""
    return answer(service.backup(body), 201)


@router.get("/verification", dependencies=[Depends(needs("read"))])
def verification(service: ServiceOf) -> Response:
    """Return which of its own rules the store breaks."""
    return answer(service.verification())
