"""Many jobs at once get the rankings each would get alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from advisor.rank_many import BATCH, Ask, Market, rank_many
from advisor.recommend import rank
from model.cost import SideCosts

NOW = datetime(2023, 3, 1, tzinfo=UTC)
NONE = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)


def test_many_jobs_are_ranked_as_each_alone_in_order_by_any_number_of_workers(job, spot):
    pools = (spot("us-east-1", 0.92, 0.05), spot("us-west-2", 1.00, 0.01))
    sides = {pool.pool.key: NONE for pool in pools}
    market = Market(statistics=pools, as_of=NOW, draws=200)
    jobs = [replace(job, useful_hours=1.0 + number) for number in range(BATCH + 3)]
    asks = [Ask(job=each, sides=sides) for each in jobs]
    told = []
    here = rank_many(asks, market, engine="here", on_progress=lambda done, of: told.append((done, of)))
    assert rank_many(asks, market, workers=2) == here
    assert told == [(1, 2), (2, 2)]
    for each, found in zip(jobs, here, strict=True):
        alone, _ = rank(each, pools, lambda seen: NONE, as_of=NOW, seed=0, draws=200)
        assert found.options == tuple(alone)


def test_a_pool_that_a_job_may_not_use_is_named_with_why(job, spot):
    pool = spot("eu-west-1")
    picky = replace(job, constraints=replace(job.constraints, regions=("us-east-1",)))
    (found,) = rank_many(
        [Ask(job=picky, sides={pool.pool.key: NONE})], Market(statistics=(pool,), as_of=NOW, draws=200),
        engine="here",
    )  # fmt: skip
    assert found.options == ()
    assert [each.pool for each in found.rejected] == [pool.pool]
    assert rank_many([], Market(statistics=(pool,), as_of=NOW)) == []
