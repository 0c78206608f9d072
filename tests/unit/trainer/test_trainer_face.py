"""Our trainer runs next to a user's own `trainer.py`, `model.py` and an empty `model` folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainer.runlog import phase_path, read_spool, spool_path

COMMAND = Path(sys.executable).with_name("lowtide-run")
PATIENCE_S = 60

USERS_SCRIPT = """
import sys

import torch
from lowtide import Plan, SpotSession

import model
import trainer

net = torch.nn.Linear(4, 4)
with SpotSession(Plan.read("plan.json"), model=net, optimizer=torch.optim.SGD(net.parameters())) as session:
    for step in session.steps(4):
        session.tick(loss=net(torch.rand(4)).sum(), tokens=4)
print(model.MINE, trainer.MINE, "lowtide_trainer" in sys.modules)
"""


@pytest.fixture
def users_folder(tmp_path, make_plan):
    """A folder that holds what would shadow us."""
    folder = tmp_path / "user"
    (folder / "empty" / "model").mkdir(parents=True)
    (folder / "trainer.py").write_text("MINE = 'my trainer'\n")
    (folder / "model.py").write_text("MINE = 'my model'\n")
    (folder / "train.py").write_text(USERS_SCRIPT)
    plan = make_plan(full_every_s=1e-9).to_json()  # Saves after every step.
    (folder / "plan.json").write_text(plan)
    (folder / "empty" / "plan.json").write_text(plan)
    return folder


def environment(**more):
    return {**os.environ, "PYTHONPATH": "", **more}


def run(*words, cwd, **more):
    return subprocess.run(
        list(map(str, words)), cwd=cwd, env=environment(**more), capture_output=True, text=True, check=False
    )


def test_a_users_script_gets_our_session_and_keeps_its_own_modules(users_folder, tmp_path):
    done = run(sys.executable, "train.py", cwd=users_folder)
    assert (done.returncode, done.stdout) == (0, "my model my trainer True\n"), done.stderr
    events = read_spool(spool_path(tmp_path / "checkpoints" / "spool", 1, "0"))
    assert [event["event"] for event in events][-1] == "ended"


TRAIN = ("--plan", "plan.json", "--spool", "spool", "--size", "nano", "--steps", "4")


def test_the_command_runs_there_is_killed_there_and_goes_on(users_folder):
    module = (sys.executable, "-P", "-m", "trainer.launch")
    killed = run(COMMAND, *TRAIN, cwd=users_folder, LOWTIDE_CRASH_AT="manifest.after_link")
    assert killed.returncode == -signal.SIGKILL
    done = run(*module, *TRAIN, "--report", "report.json", cwd=users_folder / "empty")
    assert done.returncode == 0, done.stderr
    report = json.loads((users_folder / "empty" / "report.json").read_text())
    assert report["steps"] == 4
    assert report["boot_seconds"] > 0
    assert report["restore_seconds"] > 0


def test_a_warning_while_torch_is_still_loading_is_heard(users_folder):
    process = subprocess.Popen([COMMAND, *TRAIN], cwd=users_folder, env=environment())
    deadline = time.monotonic() + PATIENCE_S
    while not phase_path(users_folder / "spool", 1, "0").exists():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 75
    events = read_spool(spool_path(users_folder / "spool", 1, "0"))
    assert [event["event"] for event in events] == ["started", "planned", "notice", "ended"]


def test_the_face_offers_a_few_names_and_loads_none_of_them():
    program = (
        "import lowtide, sys\n"
        "print(dir(lowtide), sorted({'torch', 'numpy', 'lowtide_trainer'} & sys.modules.keys()))\n"
        "lowtide.Plan, lowtide.Clock, lowtide.PlanError\n"
        "print('torch' in sys.modules, lowtide.Plan is lowtide.Plan)\n"
        "lowtide.Trainer"
    )
    done = run(sys.executable, "-c", program, cwd="/")
    assert done.stdout == (
        "['Clock', 'Plan', 'PlanError', 'ResumableLoader', 'SpotCallback', 'SpotEngine', "
        "'SpotSession', 'TrainerError', 'ranks_here', 'spot_train'] []\nFalse True\n"
    ), done.stderr
    assert "module 'lowtide' has no attribute 'Trainer'" in done.stderr
