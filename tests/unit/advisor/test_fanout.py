"""Fan-out: the same answers from any number of workers, also when they are killed under way."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial

import pytest

from advisor.fanout import Stopped, WorkerLost, fan_out
from model.errors import EnvironmentTrouble, ImpossibleInput

WORK = '''
"""What workers do in these tests; in a file of its own, for they import it by name."""
import ctypes, os, signal, time
from pathlib import Path

def square(n):
    return n * n

def slowly(folder, n):
    (Path(folder) / f"{n}.{os.getpid()}").touch()
    time.sleep(0.5)
    return n * n

def deadly(n):
    if n == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return n

def failing(n):
    if n == 2:
        raise ValueError("two is too many")
    return n

def threads(n):
    read = ctypes.CDLL(None).getenv
    read.restype = ctypes.c_char_p
    return read(b"OMP_NUM_THREADS").decode()
'''


@pytest.fixture
def work(tmp_path, monkeypatch):
    (tmp_path / "fanned_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("fanned_work")
    sys.modules.pop("fanned_work", None)


def test_answers_come_in_the_order_of_the_tasks_whoever_does_them(work):
    told = []
    here = fan_out(work.square, range(7), engine="here")
    there = fan_out(work.square, range(7), 3, on_progress=lambda done, of: told.append((done, of)))
    assert here == there == [0, 1, 4, 9, 16, 25, 36]
    assert told == [(k, 7) for k in range(1, 8)]


def test_no_tasks_have_no_answers(work):
    assert fan_out(work.square, [], 2) == []


def killed_once(folder, number):
    """Kill whoever works on a task, the first time."""
    while not (found := list(folder.glob(f"{number}.*"))):
        time.sleep(0.02)
    os.kill(int(found[0].suffix[1:]), signal.SIGKILL)


def test_a_worker_killed_under_way_loses_nothing(work, tmp_path):
    marks = tmp_path / "marks"
    marks.mkdir()
    killer = threading.Thread(target=killed_once, args=(marks, 2))
    killer.start()
    assert fan_out(partial(work.slowly, str(marks)), range(5), 2) == [0, 1, 4, 9, 16]
    killer.join()
    workers = {path.suffix for path in marks.glob("2.*")}
    assert len(workers) == 2  # It was begun twice, by two workers,
    assert all(len(list(marks.glob(f"{n}.*"))) == 1 for n in (0, 1, 3, 4))  # and nothing else was.


def test_a_task_that_kills_every_worker_is_named(work):
    with pytest.raises(WorkerLost, match="Task 2 of 3 lost its worker 3 times") as refusal:
        fan_out(work.deadly, range(3), 2)
    assert refusal.value.exit_code == 4


def test_an_error_of_the_function_is_the_callers(work):
    with pytest.raises(ValueError, match="two is too many"):
        fan_out(work.failing, range(4), 2)


def test_nobody_is_left_behind(work):
    fan_out(work.square, range(3), 2)
    with pytest.raises(ValueError):
        fan_out(work.failing, range(4), 2)
    assert multiprocessing.active_children() == []


def test_a_worker_has_one_thread_before_numpy_is_loaded(work):
    assert fan_out(work.threads, [0], 1) == ["1"]


def test_the_work_ends_where_it_is_told_to(work, tmp_path):
    began = time.monotonic()
    with pytest.raises(Stopped, match="after 0 of 90 tasks"):
        fan_out(partial(work.slowly, str(tmp_path)), range(90), 2, go_on=lambda: time.monotonic() < began)
    with pytest.raises(Stopped):
        fan_out(work.square, range(3), engine="here", go_on=lambda: False)


def test_strange_engines_and_numbers_are_refused(work):
    with pytest.raises(ImpossibleInput, match="engine is 'dask'"):
        fan_out(work.square, [1], engine="dask")
    with pytest.raises(ImpossibleInput, match="0 workers"):
        fan_out(work.square, [1], 0)


PARENT = """
import sys
sys.path.insert(0, sys.argv[1])
from functools import partial
import fanned_work
from advisor.fanout import fan_out

if __name__ == "__main__":
    try:
        fan_out(partial(fanned_work.slowly, sys.argv[2]), range(400), 2)
    except KeyboardInterrupt:
        print("stopped by hand", flush=True)
"""


@pytest.mark.parametrize(("sent", "said"), [(signal.SIGINT, "stopped by hand\n"), (signal.SIGKILL, "")])
def test_workers_go_when_their_parent_is_stopped_or_killed(work, tmp_path, sent, said):
    marks = tmp_path / "marks"
    marks.mkdir()
    (tmp_path / "parent.py").write_text(textwrap.dedent(PARENT))
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py"), str(tmp_path), str(marks)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    while len(list(marks.iterdir())) < 2:
        assert parent.poll() is None
        time.sleep(0.05)
    workers = {int(path.suffix[1:]) for path in marks.iterdir()}
    parent.send_signal(sent)
    assert parent.communicate(timeout=60)[0] == said
    until = time.monotonic() + 60
    while any(alive(worker) for worker in workers):
        assert time.monotonic() < until, "a worker outlived its parent"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """True for a process that runs; a zombie that nobody has waited for does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ray_that_is_not_installed_is_a_line_to_type(work):
    if importlib.util.find_spec("ray"):
        pytest.skip("ray is installed here")
    with pytest.raises(EnvironmentTrouble, match=r"lowtide\[ray\]"):
        fan_out(work.square, [1], engine="ray")


def test_ray_gives_the_same_answers(work):
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    assert fan_out(work.square, range(5), 2, engine="ray") == [0, 1, 4, 9, 16]
