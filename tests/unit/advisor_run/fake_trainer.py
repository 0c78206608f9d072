"""A trainer without torch: counts steps, saves the count, speaks the run log, listens to SIGTERM.

Options beyond the real trainer's: --behave done | crash | refuse | invalid | stop, --save-every N,
and --hold 6,9: attempt 1 waits after step 6 until it is struck, attempt 2 after step 9.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path

from trainer.plan import Plan
from trainer.runlog import Phase, RunLog, environment, phase_path

parser = argparse.ArgumentParser()
for name in ("plan", "spool", "clock", "node"):
    parser.add_argument(f"--{name}")
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--save-every", type=int, default=4)
parser.add_argument("--hold", default="")
parser.add_argument("--behave", default="done")
options = parser.parse_args()

EXIT = {"crash": 1, "refuse": 2, "invalid": 5}
if options.behave in EXIT:
    sys.exit(f"fake trainer: told to {options.behave}" if options.behave == "crash" else EXIT[options.behave])

plan = Plan.read(Path(options.plan))
log = RunLog(options.spool, plan.run_id, plan.attempt, options.node)
phase = Phase(phase_path(options.spool, plan.attempt, options.node))
held = Path(plan.stores.local_dir) / "held.json"
held.parent.mkdir(parents=True, exist_ok=True)
log.write("started", pool_id=plan.pool.key, environment=environment(), world_size=1, pid=1)
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append("SIGTERM"))


def end(reason, code, step, weights=None):
    log.write("ended", reason=reason, exit_code=code, step=step, weights_sha256=weights)
    sys.exit(code)


def save(step, generation):
    phase.set("save", step)
    held.write_text(json.dumps({"step": step, "generation": generation}))
    log.write(
        "committed", step=step, generation=generation, epoch=plan.attempt, manifest_url=str(held),
        sha256="0" * 64, tier="F", exact=True, bytes=1, seconds=0.001,
    )  # fmt: skip


step, generation = 0, 0
if held.exists():
    step, generation = json.loads(held.read_text()).values()
    log.write(
        "restored", step=step, generation=generation, sha256="0" * 64, seconds=0.001, bytes=1, from_url="x"
    )
holds = dict(enumerate((int(number) for number in options.hold.split(",") if number), start=1))
while step < options.steps:
    phase.set("step", step)
    while step == holds.get(plan.attempt) and not told:
        time.sleep(0.005)
    if told:
        save(step, generation + 1)
        end("stopped", 75, step)
    time.sleep(0.01)
    step += 1
    log.write("step", step=step, seconds=0.01, loss=1.0, tokens=1)
    if step % options.save_every == 0:
        generation += 1
        save(step, generation)
    if options.behave == "stop" and step == 6 and plan.attempt == 1:
        end("stopped", 75, step)
phase.set("done", step)
end("done", 0, step, f"weights after {step}")
