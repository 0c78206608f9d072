"""What the run log hears of saves, copies and restores."""

from __future__ import annotations

from dataclasses import asdict

from ..runlog import RunLog
from .ledger import Tier
from .replicate import Replicated
from .restore import Restored
from .saves import Committed


class Telling:
    """Writes the events of one rank's checkpoints.

    Args:
        url: Of the store they are committed to.
    """

    def __init__(self, log: RunLog, url: str) -> None:
        self._log, self._url = log, url.rstrip("/")

    def restored(self, found: Restored, url: str, seconds: float) -> None:
        """Training goes on from what stood at `url`."""
        manifest = found.manifest
        self._log.write(
            "restored",
            step=manifest.step,
            generation=manifest.generation,
            sha256=found.root.sha256,
            seconds=seconds,
            bytes=found.read_bytes,
            from_url=f"{url.rstrip('/')}/{found.root.key}",
        )

    def captured(self, step: int, size: int, tier: Tier, seconds: float) -> None:
        """Training stood still so long."""
        self._log.write("captured", step=step, seconds=seconds, bytes=size, tier=tier)

    def committed(self, done: Committed, seconds: float) -> None:
        """A checkpoint exists; where its codec was chosen, which one and why."""
        manifest = done.manifest
        if done.coded is not None:
            self._log.write("coded", step=manifest.step, **asdict(done.coded))
        self._log.write(
            "committed",
            step=manifest.step,
            generation=manifest.generation,
            epoch=manifest.epoch,
            manifest_url=f"{self._url}/{done.key}",
            sha256=done.sha256,
            tier=manifest.tier,
            exact=manifest.exact,
            bytes=manifest.bytes,  # Of all ranks.
            seconds=seconds,
        )

    def replicated(self, copy: Replicated) -> None:
        """It stands in one more place."""
        self._log.write("replicated", **asdict(copy))
