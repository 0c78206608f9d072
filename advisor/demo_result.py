"""What a demo came to, for the command that ran it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .report import Report
from .windows import Window

UNEQUAL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What a demo came to."""

    report: Report
    page: Path
    seed: int
    seconds: float
    compression: float
    steps: int
    window: Window

    @property
    def exit_code(self) -> int:
        """0 where the weights are equal, else 5."""
        return 0 if self.report.proof.equal else UNEQUAL

    def as_dict(self) -> dict[str, Any]:
        """Return it as one JSON object."""
        return {
            "synthetic": self.report.synthetic,
            "market": self.report.market,
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "compression": self.compression,
            "steps": self.steps,
            "window": {**asdict(self.window.rehearsal), "sentence": self.window.sentence()},
            "run_id": self.report.run["run_id"],
            "predicted": self.report.run["predicted"],
            "realised": self.report.run["realised"],
            "strikes": asdict(self.report.strikes),
            "weights_equal": self.report.proof.equal,
            "weights_sha256": self.report.proof.struck_sha256,
            "reference_sha256": self.report.proof.reference_sha256,
            "report": str(self.page),
            "exit_code": self.exit_code,
        }
