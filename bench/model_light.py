"""Jobs with light saves between full ones: the closed form beside simulated courses of the same plan.

Nothing recorded is needed; markets are of the belief that both methods hold. The noise of the paths
stands beside each difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness import Bench
from model_data import Recorded
from model_simulator import NOTHING, Case, a_job, a_pool, off_the_simulator

from model.placement import placed

FULL_S, LIGHT_S = 60.0, 5.0
WORTH = (
    {"light_survives_share": 0.5},
    {"light_survives_share": 0.9},
    {"light_warmup_s": 120.0},
    {"light_warmup_s": 900.0},
)


def figures(bench: Bench, sets: Sequence[Recorded]) -> None:
    paths = 8_000 if bench.options.quick else 64_000
    off_the_simulator(bench, "light saves, closed form off the simulator", list(planned()), paths)


def planned() -> Iterator[Case]:
    """Jobs of a day to a week whose best plan has light saves, on calm and wild pools."""
    for hours, life in ((24.0, 6.0), (72.0, 8.0), (168.0, 24.0), (48.0, 2.0)):
        for worth in WORTH:
            job, pool = (
                a_job(hours, pause_s=FULL_S, light_pause_s=LIGHT_S, **worth),
                a_pool(1 / life, 200, 0.5),
            )
            if placed(job, pool, NOTHING, 1 / life).chosen.full_every > 1:
                yield f"{hours:g} h, mean life {life:g} h, {worth}", job, pool
