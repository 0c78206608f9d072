"""A training without torch that a drill can judge in milliseconds; its faults are chosen by its arguments."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path

from trainer.crash import crash_point
from trainer.plan import Plan
from trainer.runlog import RunLog, environment

STEPS, STEP_S = 30, 0.01


def main(fault: str) -> int:
    plan = Plan.read(os.environ["LOWTIDE_PLAN"])
    root = Path(plan.stores.local_dir)
    saved = root / "state.json"
    log = RunLog(root / "spool", plan.run_id, plan.attempt, "0")
    log.write(
        "started", pool_id=plan.pool.key, image_digest=None, environment=environment(), world_size=1, pid=1
    )
    state = json.loads(saved.read_text()) if saved.exists() and fault != "forgets" else {"step": 0, "sum": 0}
    if state["step"]:
        crash_point("restore.before_apply")
        told = {"step": state["step"], "generation": 1, "sha256": "00", "bytes": 1}
        log.write("restored", seconds=0.0, from_url="file", **told)
    if fault == "fails-after-restore" and state["step"]:
        return 1
    cursor = 0 if fault == "loses-its-cursor" else state["step"]
    while state["step"] < STEPS:
        time.sleep(STEP_S)
        cursor += 1
        salt = time.time_ns() if fault == "never-the-same" else 0
        state = {"step": state["step"] + 1, "sum": state["sum"] + cursor**2 + salt}
        log.write("step", step=state["step"], seconds=STEP_S, loss=1.0, tokens=1)
        if state["step"] % 3 == 0:
            crash_point("manifest.before_link")
            saved.with_suffix(".new").write_text(json.dumps(state))
            saved.with_suffix(".new").replace(saved)
            crash_point("manifest.after_link")
            told = {"step": state["step"], "generation": state["step"], "epoch": plan.attempt, "sha256": "00"}
            log.write("committed", manifest_url="file", tier="F", exact=True, bytes=1, seconds=0.001, **told)
    weights = hashlib.sha256(str(state["sum"]).encode()).hexdigest()
    if fault != "silent":
        log.write("ended", reason="done", exit_code=0, step=state["step"], weights_sha256=weights)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
