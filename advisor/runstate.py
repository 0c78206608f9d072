"""Everything stored of one run, read together, and what follows from it without any market.

What is left of the job is computed from the run's own committed steps. A run state is a
snapshot: it is read anew for every question.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil
from typing import Any

from collector.records import AttemptRow, RunRow
from collector.store import Store
from model.job import Job
from model.market import CapacityType, Pool
from model.spot_action import Mix
from trainer.plan import Plan, PlanNodes

from .missing import Conflict, Missing
from .pace import left_hours, measured, planned_steps
from .planning import Origin
from .progress import Event, RunClock, kept_hours, newest_checkpoint, state
from .wire import JobSpec, to_job

LEAST_LEFT_HOURS = 0.1  # A job goes on until its trainer says it is done; nobody knows for how long.


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """A run as it stands."""

    row: RunRow
    origin: Origin
    answer: dict[str, Any]  # The recommendation.
    job: Job
    clock: RunClock
    attempts: list[AttemptRow]
    events: list[Event]

    @property
    def newest(self) -> AttemptRow:
        """The attempt issued last; opening a run issues the first."""
        return self.attempts[-1]

    @property
    def here(self) -> Pool:
        """The pool of the newest attempt."""
        return Pool.parse(self.newest.pool_key)

    @property
    def plan(self) -> Plan:
        """The plan of the newest attempt."""
        return _plan(self.newest.plan)

    @property
    def state(self) -> str:
        """open, waiting, running, lost, stopped, failed or done."""
        return state(self.events, len(self.attempts))

    def over_at(self) -> datetime | None:
        """The wall instant of the last event of a run that is done; None while it goes on.

        A finished run is told as of its end: a compressed clock that went on would leave the calendar.
        """
        if self.state != "done":
            return None
        return max(datetime.fromisoformat(event["at"]) for event in self.events)

    def speeds(self) -> dict[int, float]:
        """Attempt -> throughput of its pool's GPU, relative to the job's reference."""
        models = {option["pool_id"]: option["gpu_model"] for option in self.answer["options"]}
        return {
            row.attempt: self.job.throughput.get(models.get(row.pool_key, ""), 1.0) * self._share(row)
            for row in self.attempts
        }

    def _share(self, row: AttemptRow) -> float:
        """Return the share of all nodes that an attempt runs, which is its share of the speed."""
        nodes = _plan(row.plan).nodes
        return min(nodes.count / all_nodes(self.job, nodes), 1.0)

    def held_nodes(self) -> tuple[Mix | None, bool]:
        """Return the mix of nodes of the newest attempt, where they are not a whole pool's, and whether they
        are the on-demand floor alone.
        """
        nodes = self.plan.nodes
        whole = all_nodes(self.job, nodes)
        if self.here.capacity_type is not CapacityType.SPOT:
            return None, nodes.count < whole
        mix = Mix(nodes.count - nodes.on_demand_floor, nodes.on_demand_floor)
        return (None if mix.spot_nodes >= whole - min(self.job.floor_nodes, whole) else mix), False

    def what_is_left(self, as_of: datetime, *, committed_only: bool) -> Job:
        """Return the job that remains at an instant, by what the run measured of itself.

        Its budget is not asked again. A deadline that has passed becomes one that nothing meets: the
        run goes on, late.
        """
        kept = kept_hours(self.events, self.clock, self.speeds(), committed_only=committed_only)
        left = max(left_hours(self.job.useful_hours, kept, planned_steps(self.events)), LEAST_LEFT_HOURS)
        overheads = measured(self.job.overheads, self.events, self.clock)
        late = as_of + timedelta(seconds=1)
        deadline = max(self.job.deadline_at, late) if self.job.deadline_at else None
        return replace(
            self.job, useful_hours=left, budget_usd=None, deadline_at=deadline, overheads=overheads
        )

    def lasts(self, left: Job) -> bool:
        """Say whether more is left than the least there can be: else nothing may be fitted to it."""
        return left.useful_hours > LEAST_LEFT_HOURS

    def checkpoint(self) -> dict[str, Any] | None:
        """Return the newest generation, which a restore must not fall behind."""
        newest = newest_checkpoint(self.events)
        return asdict(newest) if newest else None

    def head(self) -> dict[str, Any]:
        """Return what a list of runs says of this one."""
        newest = self.attempts[-1] if self.attempts else None
        return {
            "run_id": self.row.run_id,
            "name": self.job.name,
            "state": self.state,
            "recommendation_id": self.row.recommendation_id,
            "opened_at": self.row.opened_at,
            "clock": self.row.clock,
            "attempt": newest.attempt if newest else None,
            "pool_id": newest.pool_key if newest else None,
        }

    def refuse_stale(self, attempt: int) -> None:
        """Refuse to send an attempt on that was never issued, or that a newer one has overtaken.

        Raises:
            Missing: No such attempt.
            Conflict: A newer attempt is already at work.
        """
        if attempt > self.newest.attempt:
            raise Missing(
                f"Attempt {attempt} of {self.row.run_id} was never issued; the newest is "
                f"{self.newest.attempt}.",
                fix="Give the attempt that was lost.",
            )
        at_work = any(event["attempt"] == self.newest.attempt for event in self.events)
        if attempt < self.newest.attempt and at_work:
            raise Conflict(
                f"Attempt {self.newest.attempt} of {self.row.run_id} is at work, and attempt {attempt} asks "
                "where to go.",
                fix="Stop this launcher; another one has taken the run over.",
            )


def all_nodes(job: Job, nodes: PlanNodes) -> int:
    """Return how many such machines hold all of a job's GPUs."""
    return ceil(job.gpus / max(nodes.gpus_per_node, 1))


@lru_cache(maxsize=512)
def _plan(content: bytes) -> Plan:
    """Return a stored plan; a live run's is asked for in every answer."""
    return Plan.read(content)


def load(store: Store, run_id: str) -> RunState:
    """Read a run.

    Raises:
        Missing: There is no such run.
    """
    row = store.run(run_id)
    body = store.recommendation(row.recommendation_id) if row else None
    if row is None or body is None:
        raise Missing(f"There is no run {run_id!r} here.", fix="See GET /v1/runs.")
    answer = json.loads(body)
    as_of = datetime.fromisoformat(answer["as_of"])
    return RunState(
        row=row,
        origin=Origin(recommendation_id=row.recommendation_id, body=body, as_of=as_of),
        answer=answer,
        job=to_job(JobSpec.model_validate(answer["spec"]), as_of),
        clock=RunClock.of(row.clock, row.opened_at),
        attempts=store.attempts(run_id),
        events=list(store.events(run_id)),
    )
