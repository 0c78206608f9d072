-- What did the market look like, pool by pool, lately?
--
-- Grain    one row per pool with any price, probe or tenure visible at $as_of; traces whose
--          recorder did not say where they ran (region 'unrecorded') are left out
-- Params   $as_of TIMESTAMPTZ   nothing effective or observed after this instant is seen
--          $window INTERVAL     how far back to look
-- Columns  price_usd_per_hour         USD per instance-hour in force at $as_of: the last that took
--                                     effect, of whatever kind; of one instant, recorded before
--                                     synthetic before list
--          price_effective_at, price_observed_at   when it came into force, when last confirmed
--          price_mean_usd_per_hour    time-weighted over the window, the price carried in included
--          price_log_sd               time-weighted standard deviation of log price
--          price_changes              changes of price inside the window
--          on_demand_usd_per_hour     same provider, region and SKU, in force at $as_of
--          tenure_preemptions         count, provider-initiated ends inside the window
--          tenure_exposure_hours      instance-hours; a running instance counts until last seen alive
--          probe_drops, probe_gaps    available then not; not available then available
--          probe_up_hours, probe_observed_hours, probe_gap_hours   clock hours
--          available_now              the last probe, NULL when it is older than 3 ticks
--          up_hours                   clock hours since capacity came back, or since the first probe in
--                                     the window; NULL where it is not there now
--          observed_from, observed_until   span of probes and tenures in the window
--          sources, synthetic         who says so; whether any of it is generated
--
-- A probe stands until the next one of its series. Where the next is more than 3 ticks away
-- the time between is a hole: it stands for one tick, and the rest is neither up nor down.
WITH bounds AS MATERIALIZED (
    SELECT $as_of::TIMESTAMPTZ AS as_of, $as_of::TIMESTAMPTZ - $window::INTERVAL AS from_at
),
-- 1. Prices: the row carried into the window, and the rows inside it. Where a list price
-- competes, an observation that repeats the recorded price counts as a row of its own: it
-- says that the recorded price still stands after the list price was stated.
contested AS (SELECT DISTINCT pool_id FROM price_point WHERE kind = 'list'),
dated AS (
    SELECT pool_id, kind, source_id, effective_at, observed_at, price_usd_per_hour
    FROM price_point, bounds WHERE effective_at <= as_of AND observed_at <= as_of
    UNION ALL
    SELECT pool_id, kind, source_id, effective_at, observed_at, price_usd_per_hour
    FROM price_repeat SEMI JOIN contested USING (pool_id), bounds
    WHERE effective_at <= as_of AND observed_at <= as_of
),
eve AS (
    SELECT pool_id, max(effective_at) AS effective_at
    FROM dated, bounds WHERE effective_at <= from_at GROUP BY pool_id
),
visible AS (
    SELECT dated.* FROM dated JOIN eve USING (pool_id, effective_at)
    UNION ALL
    SELECT dated.* FROM dated, bounds WHERE effective_at > from_at
),
step AS (  -- The last row of an instant stands; those it corrects have no length.
    SELECT *, lead(effective_at) OVER series AS until_at
    FROM visible
    WINDOW series AS (PARTITION BY pool_id
                      ORDER BY effective_at, CASE kind WHEN 'recorded' THEN 3 WHEN 'synthetic' THEN 2 ELSE 1 END,
                               observed_at, price_usd_per_hour)
    QUALIFY until_at IS NULL OR until_at > effective_at
),
piece AS (
    SELECT step.*,
           epoch(coalesce(until_at, as_of) - greatest(effective_at, from_at)) AS seconds,
           ln(price_usd_per_hour::DOUBLE / last_value(price_usd_per_hour) OVER whole::DOUBLE) AS log_ratio,
           lag(price_usd_per_hour) OVER series AS price_before
    FROM step, bounds
    WINDOW series AS (PARTITION BY pool_id ORDER BY effective_at),
           whole AS (PARTITION BY pool_id ORDER BY effective_at
                     ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
),
price AS (
    SELECT pool_id,
           arg_max(kind, effective_at)                             AS price_kind,
           arg_max(price_usd_per_hour, effective_at)               AS price_usd_per_hour,
           max(effective_at) FILTER (price_before IS DISTINCT FROM price_usd_per_hour) AS price_effective_at,
           arg_max(observed_at, effective_at)                      AS point_observed_at,
           coalesce(sum(price_usd_per_hour::DOUBLE * seconds) / nullif(sum(seconds), 0),
                    arg_max(price_usd_per_hour, effective_at)::DOUBLE) AS price_mean_usd_per_hour,
           sqrt(greatest(0, coalesce(
               sum(log_ratio * log_ratio * seconds) / nullif(sum(seconds), 0)
               - (sum(log_ratio * seconds) / nullif(sum(seconds), 0)) ** 2, 0))) AS price_log_sd,
           count(*) FILTER (price_before <> price_usd_per_hour)    AS price_changes,
           list(DISTINCT source_id)                                AS price_sources
    FROM piece GROUP BY pool_id
),
repeated AS (
    SELECT pool_id, kind, max(observed_at) AS observed_at
    FROM price_repeat, bounds
    WHERE effective_at <= as_of AND observed_at <= as_of
    GROUP BY pool_id, kind
),
on_demand AS (
    SELECT provider, region, sku, arg_max(price_usd_per_hour, price_effective_at) AS on_demand_usd_per_hour
    FROM price JOIN pool USING (pool_id)
    WHERE capacity_type = 'on_demand' GROUP BY ALL
),
-- 2. Tenures: the newest visible sighting of each instance.
sighting AS (
    SELECT t.pool_id, t.source_id, greatest(began_at, from_at) AS from_at,
           least(coalesce(ended_at, observed_at), as_of)       AS until_at,
           coalesce(end_cause = 'preempted', false)            AS was_preempted
    FROM tenure AS t, bounds
    WHERE observed_at <= as_of AND began_at <= as_of
    QUALIFY row_number() OVER (PARTITION BY t.pool_id, t.source_id, instance_ref, began_at
                               ORDER BY observed_at DESC, ended_at DESC NULLS LAST) = 1
),
life AS (
    SELECT pool_id,
           count(*) FILTER (was_preempted)            AS tenure_preemptions,
           sum(epoch(until_at - from_at)) / 3600      AS tenure_exposure_hours,
           min(from_at) AS from_at, max(until_at) AS until_at,
           list(DISTINCT source_id)                   AS life_sources
    FROM sighting WHERE until_at > from_at GROUP BY pool_id
),
-- 3. Probes: each stands until the next of its series, unless a hole follows.
tick AS (
    SELECT pool_id, source_id, wanted, effective_at, holds_s, obtainable >= wanted AS is_up
    FROM probe, bounds
    WHERE effective_at > from_at AND effective_at <= as_of AND observed_at <= as_of
    QUALIFY row_number() OVER (PARTITION BY pool_id, source_id, wanted, effective_at
                               ORDER BY observed_at DESC, obtainable) = 1
),
stretch AS (
    SELECT tick.*,
           epoch(coalesce(lead(effective_at) OVER series, as_of) - effective_at) AS next_s,
           lead(is_up) OVER series                                             AS next_up
    FROM tick, bounds
    WINDOW series AS (PARTITION BY pool_id, source_id, wanted ORDER BY effective_at)
),
stood AS (
    SELECT *, next_s > 3 * holds_s AS before_hole,
           CASE WHEN next_up IS NULL OR next_s > 3 * holds_s THEN least(holds_s, next_s) ELSE next_s END AS seconds
    FROM stretch
),
seen AS (
    SELECT pool_id,
           count(*) FILTER (is_up AND NOT next_up AND NOT before_hole)  AS probe_drops,
           count(*) FILTER (NOT is_up AND next_up AND NOT before_hole)  AS probe_gaps,
           sum(seconds) / 3600                                          AS probe_observed_hours,
           coalesce(sum(seconds) FILTER (is_up), 0) / 3600              AS probe_up_hours,
           coalesce(sum(seconds) FILTER (NOT is_up), 0) / 3600          AS probe_gap_hours,
           min(effective_at) AS from_at, max(effective_at) AS until_at,
           max(effective_at) FILTER (NOT is_up) AS last_down_at,
           -- Wrapped, since arg_max passes over NULLs, and the last probe must stay the last.
           arg_max({up: CASE WHEN NOT before_hole THEN is_up END}, effective_at).up AS last_up,
           list(DISTINCT source_id)                                     AS probe_sources
    FROM stood GROUP BY pool_id
),
-- 4. Together.
joined AS (
    SELECT pool.*, price.*, repeated.observed_at AS repeat_observed_at, life.*, seen.*,
           od.on_demand_usd_per_hour, pool.pool_id AS the_pool,
           life.from_at AS life_from, life.until_at AS life_until,
           seen.from_at AS seen_from, seen.until_at AS seen_until,
           list_sort(list_distinct(coalesce(price_sources, []) || coalesce(life_sources, [])
                                   || coalesce(probe_sources, []))) AS sources
    FROM pool
    LEFT JOIN price    ON price.pool_id = pool.pool_id
    LEFT JOIN repeated ON repeated.pool_id = pool.pool_id AND repeated.kind = price.price_kind
    LEFT JOIN life     ON life.pool_id = pool.pool_id
    LEFT JOIN seen     ON seen.pool_id = pool.pool_id
    LEFT JOIN on_demand AS od ON od.provider = pool.provider AND od.region = pool.region AND od.sku = pool.sku
    WHERE pool.region <> 'unrecorded'
      AND (price.pool_id IS NOT NULL OR life.pool_id IS NOT NULL OR seen.pool_id IS NOT NULL)
)
SELECT j.the_pool AS pool_id,
       sku.provider, sku.name, sku.gpu_model, sku.gpu_count, sku.gpu_memory_bytes,
       price_usd_per_hour, price_kind, price_effective_at,
       greatest(point_observed_at, repeat_observed_at)                 AS price_observed_at,
       price_mean_usd_per_hour, price_log_sd,
       coalesce(price_changes, 0)                                      AS price_changes,
       on_demand_usd_per_hour,
       coalesce(tenure_preemptions, 0)                                 AS tenure_preemptions,
       coalesce(tenure_exposure_hours, 0)                              AS tenure_exposure_hours,
       coalesce(probe_drops, 0)                                        AS probe_drops,
       coalesce(probe_up_hours, 0)                                     AS probe_up_hours,
       coalesce(probe_observed_hours, 0)                               AS probe_observed_hours,
       coalesce(probe_gaps, 0)                                         AS probe_gaps,
       coalesce(probe_gap_hours, 0)                                    AS probe_gap_hours,
       last_up                                                         AS available_now,
       CASE WHEN last_up THEN epoch((SELECT as_of FROM bounds) - coalesce(last_down_at, seen_from)) / 3600 END
                                                                       AS up_hours,
       least(life_from, seen_from)                                     AS observed_from,
       greatest(life_until, seen_until)                                AS observed_until,
       sources,
       (SELECT bool_or(kind = 'synthetic') FROM source WHERE list_contains(j.sources, source_id)) AS synthetic
FROM joined AS j
JOIN sku ON sku.provider = j.provider AND sku.name = j.sku
ORDER BY pool_id;
