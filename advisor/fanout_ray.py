"""The same fan-out on a Ray cluster: for work that one machine does not hold.

Ray is imported only here, and only when asked for. It joins the cluster that its own settings name
(`RAY_ADDRESS`), or makes one of this machine. Ray retries tasks of dead workers and nodes itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from model.errors import EnvironmentTrouble

from .fanout import LOOK_S, ONE_THREAD, Progress, lost, refuse_to_go_on

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def on_ray(
    function: Callable[[Task], Answer],
    tasks: Sequence[Task],
    workers: int,
    on_progress: Progress,
    *,
    retries: int,
    go_on: Callable[[], bool],
) -> list[Answer]:
    """Return the function's answers, in the order of the tasks; arguments as of `fanout.fan_out`.

    Raises:
        EnvironmentTrouble: Ray is not installed.
        WorkerLost: A task lost more workers than it may.
        Stopped: `go_on` said no.
        Exception: Whatever the function raises.
    """
    ray = _ray()
    if not ray.is_initialized():
        threads = {"env_vars": dict.fromkeys(ONE_THREAD, "1")}
        ray.init(ignore_reinit_error=True, log_to_driver=False, runtime_env=threads, include_dashboard=False)

    def call(task: Task) -> Answer:  # Ray takes functions alone, and `function` may be a partial of one.
        return function(task)

    remote = ray.remote(num_cpus=1, max_retries=retries)(call)
    waiting = list(enumerate(tasks))[::-1]
    running: dict[Any, int] = {}
    answers: dict[int, Answer] = {}
    try:
        while waiting or running:
            refuse_to_go_on(go_on, len(answers), len(tasks))
            while waiting and len(running) < workers:
                number, task = waiting.pop()
                running[remote.remote(task)] = number
            done, _ = ray.wait(list(running), num_returns=1, timeout=LOOK_S)
            for reference in done:
                number = running.pop(reference)
                answers[number] = _got(ray, reference, number, len(tasks), retries)
                on_progress(len(answers), len(tasks))
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
    return [answers[number] for number in range(len(tasks))]


def _got(ray: Any, reference: Any, number: int, of: int, retries: int) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as failed:
        raise failed.cause if isinstance(failed.cause, Exception) else failed from None
    except ray.exceptions.RayError:
        raise lost(number, of, retries + 1) from None


def _ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError:
        raise EnvironmentTrouble(
            "The engine ray needs the package ray, which is not installed.",
            fix="Type: pip install 'lowtide[ray]', or leave --engine away.",
        ) from None
    return ray
