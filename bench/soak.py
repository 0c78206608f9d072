"""Kill ranks at every named place and damage files of every kind, for long; write down what it came to.

The programme is that of tests/crash/test_trainer_faults.py: a fault fails it that loses a committed
checkpoint or lets a damaged one be restored. Its result stands in docs/performance.md, passed or not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from harness import machine

ROOT = Path(__file__).parents[1]
PROGRAMME = ROOT / "tests" / "crash" / "test_trainer_faults.py"
TABLE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- soak -->\n", "<!-- end of soak -->"


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/soak.py", description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="how many times as long as in every test run")
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        report, began = Path(folder) / "report.xml", time.monotonic()
        code = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", str(PROGRAMME), f"--junitxml={report}"],
            env={**os.environ, "LOWTIDE_FAULTS": str(times)}, cwd=ROOT, check=False,
        ).returncode  # fmt: skip
        minutes = (time.monotonic() - began) / 60
        sentence = told(ET.parse(report).getroot(), minutes)
    head, rest = TABLE.read_text().split(BEGIN)
    TABLE.write_text(head + BEGIN + sentence + "\n" + END + rest.split(END)[1])
    print(sentence)
    return code


def told(report: ET.Element, minutes: float) -> str:
    """Return what a report of the programme says, as a sentence."""
    counted = {"kills": 0, "damaged": 0}
    for each in report.iter("property"):
        if each.get("name") in counted:
            counted[each.attrib["name"]] += int(each.attrib["value"])
    failed = [case.get("name") for case in report.iter("testcase") if case.find("failure") is not None]
    outcome = "0 committed checkpoints lost, 0 damaged ones restored"
    if failed:
        outcome = f"failed: {', '.join(map(str, failed))}"
    return (
        f"`make soak`, {datetime.now(UTC):%Y-%m-%d}, {machine()}: {counted['kills']:,} ranks killed at named "
        f"places and {counted['damaged']:,} files damaged in {minutes:.0f} min; {outcome}."
    )


if __name__ == "__main__":
    sys.exit(main())
