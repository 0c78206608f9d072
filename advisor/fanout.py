"""One pure function over many tasks: here, on processes of this machine, or on a Ray cluster.

Answers come in the order of the tasks and depend on the tasks alone, so any number of workers gives
the same ones. A worker that dies takes nothing with it: its task is done again on a fresh worker,
and after a few deaths the task is named in the refusal. Standard library only; nothing heavy is
loaded before a worker has bounded its threads.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from typing import Any, Generic, TypeVar

from model.errors import EnvironmentTrouble, ImpossibleInput

Task = TypeVar("Task")
Answer = TypeVar("Answer")
Progress = Callable[[int, int], None]  # Done, of how many.
ENGINES = ("processes", "ray", "here")
RETRIES = 2  # Further tries of a task whose worker died.
MOST_WORKERS = 256
LOOK_S = 0.2  # Between two looks at whether to go on.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class WorkerLost(EnvironmentTrouble):
    """Workers died again and again under one task."""

    slug = "worker-lost"


class Stopped(EnvironmentTrouble):
    """Somebody asked for the work to end before it was done."""

    slug = "stopped"


def fan_out(
    function: Callable[[Task], Answer],
    tasks: Sequence[Task],
    workers: int = 1,
    engine: str = "processes",
    on_progress: Progress = lambda done, of: None,
    *,
    retries: int = RETRIES,
    go_on: Callable[[], bool] = lambda: True,
) -> list[Answer]:
    """Return the function's answers, in the order of the tasks.

    Args:
        function: Pure, and importable by name in another process (or a `functools.partial` of one).
        tasks: What it is called with, one after the other.
        workers: How many at once. One worker of `processes` is still a process of its own.
        engine: `processes` of this machine, `ray` (the extra), or `here` in this thread.
        on_progress: Called after each answer with how many there are, and of how many.
        retries: How often a task is tried again after its worker died.
        go_on: Asked now and then; the work ends where it says no.

    Raises:
        ImpossibleInput: The engine is unknown, or workers are fewer than 1.
        WorkerLost: A task lost more workers than it may; the message names it.
        Stopped: `go_on` said no.
        Exception: Whatever the function raises, of the first task that does.
    """
    if engine not in ENGINES:
        raise ImpossibleInput(f"The engine is {engine!r}.", fix=f"Use one of {', '.join(ENGINES)}.")
    if not 1 <= workers <= MOST_WORKERS:
        raise ImpossibleInput(f"{workers} workers are asked for.", fix=f"Use 1 to {MOST_WORKERS}.")
    if engine == "here" or not tasks:
        return list(_here(function, tasks, on_progress, go_on))
    if engine == "ray":
        from .fanout_ray import on_ray

        return on_ray(function, tasks, workers, on_progress, retries=retries, go_on=go_on)
    with _Crew.of(min(workers, len(tasks))) as crew:
        return _Course(function, tasks, crew, on_progress, retries, go_on).run()


def _here(
    function: Callable[[Task], Answer],
    tasks: Sequence[Task],
    on_progress: Progress,
    go_on: Callable[[], bool],
) -> Iterator[Answer]:
    for number, task in enumerate(tasks, start=1):
        refuse_to_go_on(go_on, number - 1, len(tasks))
        answer = function(task)
        on_progress(number, len(tasks))
        yield answer


def refuse_to_go_on(go_on: Callable[[], bool], done: int, of: int) -> None:
    """Raise `Stopped` where the work is to end."""
    if not go_on():
        raise Stopped(f"The work was stopped after {done} of {of} tasks.", fix="Start it again.")


def lost(number: int, of: int, tries: int) -> WorkerLost:
    """Return the refusal of a task whose workers died."""
    return WorkerLost(
        f"Task {number + 1} of {of} lost its worker {tries} times: it was killed, or ran out of memory.",
        fix="Use fewer --jobs, or see in the system's log what ended the process.",
    )


@dataclass
class _Crew:
    """Workers, each a pool of one process: when one dies, only its own task is in doubt."""

    free: deque[ProcessPoolExecutor]
    everyone: list[ProcessPoolExecutor] = field(default_factory=list)

    @classmethod
    @contextmanager
    def of(cls, workers: int) -> Iterator[_Crew]:
        """Yield a crew; nobody of it outlives the block, however it is left."""
        crew = cls(deque())
        try:
            for _ in range(workers):
                crew.hire()
            yield crew
        finally:
            crew.dismiss()

    def hire(self) -> None:
        """Take on a fresh worker; its process starts with its first task."""
        # Never forked: a fork of a process with threads, such as the store's, may hang.
        context = multiprocessing.get_context("spawn")
        worker = ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(os.getpid(),))
        self.everyone.append(worker)
        self.free.append(worker)

    def dismiss(self) -> None:
        """End every worker now, in the middle of a task too."""
        for worker in self.everyone:
            for process in list((getattr(worker, "_processes", None) or {}).values()):
                with suppress(OSError, ValueError):  # Gone already.
                    process.kill()
            worker.shutdown(wait=True, cancel_futures=True)


@dataclass
class _Course(Generic[Task, Answer]):
    """Tasks on their way through a crew."""

    function: Callable[[Task], Answer]
    tasks: Sequence[Task]
    crew: _Crew
    on_progress: Progress
    retries: int
    go_on: Callable[[], bool]
    answers: dict[int, Answer] = field(default_factory=dict)
    tries: dict[int, int] = field(default_factory=dict)
    running: dict[Future[Answer], tuple[int, ProcessPoolExecutor]] = field(default_factory=dict)

    def run(self) -> list[Answer]:
        waiting = deque(range(len(self.tasks)))
        while waiting or self.running:
            refuse_to_go_on(self.go_on, len(self.answers), len(self.tasks))
            while waiting and self.crew.free:
                self._start(waiting.popleft())
            done, _ = wait(self.running, timeout=LOOK_S, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda each: self.running[each][0]):
                number, worker = self.running.pop(future)
                if not self._settled(number, worker, future):
                    waiting.appendleft(number)
        return [self.answers[number] for number in range(len(self.tasks))]

    def _start(self, number: int) -> None:
        worker = self.crew.free.popleft()
        try:
            future = worker.submit(self.function, self.tasks[number])
        except BrokenProcessPool as dead:  # It died while it had nothing to do.
            future = Future()
            future.set_exception(dead)
        self.running[future] = number, worker

    def _settled(self, number: int, worker: ProcessPoolExecutor, future: Future[Answer]) -> bool:
        """Keep an answer; where the worker died, hire another and say that the task is to be done again."""
        try:
            self.answers[number] = future.result()
        except BrokenProcessPool:
            self.tries[number] = self.tries.get(number, 0) + 1
            if self.tries[number] > self.retries:
                raise lost(number, len(self.tasks), self.tries[number]) from None
            self.crew.hire()
            return False
        self.crew.free.append(worker)
        self.on_progress(len(self.answers), len(self.tasks))
        return True


def _begin(parent: int) -> None:
    """Make a process a worker: one thread each, deaf to Ctrl-C, and gone when its parent is.

    This runs before the function is read, hence before numpy asks how many threads it may have.
    """
    for name in ONE_THREAD:
        os.putenv(name, "1")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent hears it, and ends the crew.
    threading.Thread(target=_leave_with_parent, name="leave-with-parent", daemon=True).start()


def _leave_with_parent() -> None:
    parent: Any = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
