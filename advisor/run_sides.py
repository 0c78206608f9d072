"""What moving on costs a run beside the machines: worked out once for a pool while nothing of it changes.

A live run asks every few minutes about the same pools, and statistics are held for half an hour and
more; where its data and checkpoints would lie there is asked again only with what it hangs on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import Any

from collector.tariffs import Tariffs
from model.cost import SideCosts
from model.errors import LowtideError
from model.estimate import PoolStatistics
from model.market import Pool

from .foresight import Foresight
from .runstate import RunState
from .sides import move
from .siting import TariffRates, settled_side, sited_on

KEPT = 8192  # Pools of runs.


class RunSides:
    """Side costs of the moves of runs. Safe for threads.

    Args:
        tariffs: Egress and storage, notices and refunds.
    """

    def __init__(self, tariffs: Tariffs) -> None:
        self._tariffs, self._foresight = tariffs, Foresight(tariffs=tariffs)
        self._kept: OrderedDict[tuple[Any, ...], SideCosts | LowtideError] = OrderedDict()
        self._lock = Lock()

    def of(self, run: RunState) -> Callable[[PoolStatistics], SideCosts]:
        """Return the side costs of moving on: the data set where it has not been yet, and the checkpoint.

        Sited as the recommendation sites the job, so that residency holds on every move.
        """
        saved = run.checkpoint() is not None
        visited = {_place(Pool.parse(row.pool_key)) for row in run.attempts}
        rates = TariffRates(self._tariffs)

        def sides(seen: PoolStatistics) -> SideCosts:
            here = _place(seen.pool) in visited
            key = (run.row.run_id, _place(run.here), here, saved, seen.pool, seen.as_of, seen.available_now)
            found = self._kept.get(key) or self._keep(key, lambda: self._side(run, seen, rates, here, saved))
            if isinstance(found, LowtideError):
                raise found
            return found

        return sides

    def _side(
        self, run: RunState, seen: PoolStatistics, rates: TariffRates, here: bool, saved: bool
    ) -> SideCosts:
        sited, _ = sited_on(run.job, self._foresight.under(seen), rates)
        base = settled_side(sited, here=here)
        state_bytes = run.job.state_bytes if saved else 0
        (usd, hours), _ = move(state_bytes, run.here.provider, run.here.region, seen.pool, self._tariffs)
        return replace(base, egress_usd=base.egress_usd + usd, egress_hours=base.egress_hours + hours)

    def _keep(self, key: tuple[Any, ...], work_out: Callable[[], SideCosts]) -> SideCosts | LowtideError:
        found: SideCosts | LowtideError
        try:
            found = work_out()
        except LowtideError as why:
            found = why
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found


def _place(pool: Pool) -> tuple[str, str]:
    return pool.provider, pool.region
