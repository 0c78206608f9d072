"""Peak memory of a process and its children, sampled from outside so that no lock of theirs starves it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EVERY_S = 0.005
SAMPLER = """
import os, sys, time
root, every_s = int(sys.argv[1]), float(sys.argv[2])

def family(pid):
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                todo += map(int, open(f"/proc/{one}/task/{task}/children").read().split())
        except OSError:
            pass
    return [each for each in found if each != os.getpid()]

def pss(pid):
    try:
        for line in open(f"/proc/{pid}/smaps_rollup"):
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0

print("ready", flush=True)
import select
peak = 0
while not select.select([0], [], [], every_s)[0]:
    peak = max(peak, sum(pss(each) for each in family(root)))
print(peak, flush=True)
"""


class Peak:
    """Samples this process and its children while the block runs; `bytes` holds the peak afterwards."""

    def __enter__(self) -> Peak:
        self._sampler = subprocess.Popen(
            [sys.executable, "-c", SAMPLER, str(_own_pid()), str(EVERY_S)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._sampler.stdout is not None
        self._sampler.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        told, _ = self._sampler.communicate("stop\n")
        self.bytes = int(told)


def _own_pid() -> int:
    return int(Path("/proc/self/stat").read_text().split()[0])
