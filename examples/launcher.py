"""A launcher of one's own, in a page: copy it and put your cluster in the place of `start`.

    python examples/launcher.py JOB.toml http://127.0.0.1:8787 ROOM -- lowtide-run --steps 200

It asks the service where to start, starts there, says when a machine was started and lost, and asks again.
Needs nothing but the trainer (`pip install 'lowtide[trainer]'`). What each answer means: docs/launchers.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

from trainer.runlog import RunLog, environment, read_spool, ship_spool, spool_path

DONE, FAILED_CHECK, STOPPED = 0, 5, 75
SERVICE, TOKEN = sys.argv[2], os.environ.get("LOWTIDE_TOKEN")
ROOM = Path(sys.argv[3]).resolve()
SPOOL = ROOM / "spool"


def post(path: str, body: dict) -> dict:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {TOKEN}"} if TOKEN else {})
    request = urllib.request.Request(SERVICE + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def start(plan: Path, command: list[str]) -> subprocess.Popen:
    """Your cluster: get `nodes.count` machines of `pool` and start the command on each, with the plan."""
    return subprocess.Popen([*command, "--plan", str(plan), "--spool", str(SPOOL), "--node", "0"])


def attempt(plan: dict, command: list[str]) -> int:
    """Run one attempt to its end and report it; return its exit code."""
    path = ROOM / f"plan-{plan['attempt']}.json"
    path.write_text(json.dumps(plan))
    log = RunLog(SPOOL, plan["run_id"], plan["attempt"], "launcher")
    process = start(path, command)
    pool = plan["pool"]
    names = pool["provider"], pool["region"], pool["zone_id"] or "-", pool["sku"], pool["capacity_type"]
    log.write(
        "started", pool_id="/".join(names), environment=environment(), pid=process.pid,
        world_size=plan["nodes"]["count"],
    )  # fmt: skip
    code = process.wait()  # A real one also hears from its provider that the machine is gone: "preempted".
    node = spool_path(SPOOL, plan["attempt"], "0")
    steps = [event["step"] for event in read_spool(node) if event["event"] == "step"]
    reason = {DONE: "done", STOPPED: "stopped"}.get(code, "failed")
    log.write("ended", reason=reason, exit_code=code, step=max(steps, default=0), weights_sha256=None)
    log.close()
    for spool in (log.path, node):
        if spool.exists():
            ship_spool(spool, SERVICE, TOKEN)
    return code


def main() -> None:
    job, command = tomllib.loads(Path(sys.argv[1]).read_text()), sys.argv[sys.argv.index("--") + 1 :]
    SPOOL.mkdir(parents=True, exist_ok=True)
    found = post("/v1/recommendations", {"spec": job})
    best = found["options"][0]
    print(f"{best['pool_id']}: {best['cost_usd']['mean']:.2f} USD expected, {best['reasons'][0]}")
    stores = {"local_dir": str(ROOM / "checkpoints")}
    opened = post("/v1/runs", {"recommendation_id": found["recommendation_id"], "rank": 1, "stores": stores})
    run_id, plan, failed = opened["run_id"], opened["plan"], 0
    while (code := attempt(plan, command)) != DONE:
        failed = 0 if code == STOPPED else failed + 1
        if code == FAILED_CHECK or failed == 3:
            sys.exit(f"Attempt {plan['attempt']} of {run_id} ended with {code}; a person has to look.")
        ended = {"attempt": plan["attempt"]}
        while (answer := post(f"/v1/runs/{run_id}/next-pool", ended))["action"] == "wait":
            print(f"waiting {answer['wait_s']:.0f} s: {answer['reasons'][0]}")
            time.sleep(answer["wait_s"])
        plan = answer["plan"]
        print(f"attempt {plan['attempt']}: {answer['reasons'][0]}")
    print(f"{run_id} is done after {plan['attempt']} attempts.")


if __name__ == "__main__":
    main()
