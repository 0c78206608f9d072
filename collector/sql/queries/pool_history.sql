-- What did the market look like, pool by pool, lately?
--
-- Grain    one row per pool with any price, probe or tenure visible at $as_of; traces whose
--          recorder did not say where they ran (region 'unrecorded') are left out
-- Input    the temporary tables that sql/statistics leaves for the same $as_of and $window
-- Params   $as_of TIMESTAMPTZ   nothing effective or observed after this instant is seen
-- Columns  price_usd_per_hour         USD per instance-hour in force at $as_of: the last that took
--                                     effect, of whatever kind
--          price_effective_at, price_observed_at   when it came into force, when last confirmed
--          price_mean_usd_per_hour    time-weighted over the window, the price carried in included
--          price_log_sd               time-weighted standard deviation of log price
--          price_changes              changes of price inside the window
--          on_demand_usd_per_hour     same provider, region and SKU, in force at $as_of
--          tenure_preemptions, tenure_exposure_hours   see statistics/tenures.sql
--          probe_drops, probe_gaps, probe_up_hours, probe_observed_hours, probe_gap_hours, available_now
--                                     see statistics/probes_from_rows.sql
--          up_hours                   clock hours since capacity came back, or since the first probe in
--                                     the window; NULL where it is not there now
--          observed_from, observed_until   span of probes and tenures in the window
--          sources, synthetic         who says so; whether any of it is generated
WITH price AS (
    SELECT price_stat.* EXCLUDE (nano, series), kind AS price_kind, (nano::DECIMAL(28, 9) * 0.000000001::DECIMAL(9, 9))::DECIMAL(18, 9) AS usd
    FROM price_stat JOIN series USING (series_no)
),
-- When the price in force was last seen again: in the last week, or else ever.
in_force AS (
    SELECT s.series_no, s.source_id, p.pool_no
    FROM price AS p JOIN series AS s ON s.pool_no = p.pool_no AND s.kind = p.price_kind
),
lately AS (
    SELECT pool_no, max(observed_at) AS observed_at
    FROM (
        SELECT observed_at, unnest(seen) AS s FROM price_confirmed SEMI JOIN in_force USING (source_id)
        WHERE observed_at <= $as_of AND observed_at > $as_of::TIMESTAMPTZ - INTERVAL 7 DAY
    ) AS c JOIN in_force AS f ON f.series_no = c.s.series_no
    WHERE c.s.effective_at <= $as_of GROUP BY pool_no
),
longer_ago AS (
    SELECT pool_no, max(observed_at) AS observed_at
    FROM (
        SELECT observed_at, unnest(seen) AS s FROM price_confirmed SEMI JOIN in_force USING (source_id)
        WHERE observed_at <= $as_of::TIMESTAMPTZ - INTERVAL 7 DAY
    ) AS c JOIN (FROM in_force ANTI JOIN lately USING (pool_no)) AS f ON f.series_no = c.s.series_no
    WHERE c.s.effective_at <= $as_of GROUP BY pool_no
),
repeated AS (FROM lately UNION ALL FROM longer_ago),
on_demand AS (
    SELECT provider, region, sku, arg_max(usd, (changed_at, usd)) AS on_demand_usd_per_hour
    FROM price JOIN pool USING (pool_no)
    WHERE capacity_type = 'on_demand' GROUP BY ALL
),
said AS (
    SELECT s.pool_no, list(DISTINCT source_id ORDER BY source_id) AS sources, bool_or(source.kind = 'synthetic') AS synthetic
    FROM (
        SELECT pool_no, unnest(series) AS series_no FROM price_stat
        UNION ALL FROM probe_source UNION ALL FROM tenure_source
    ) AS s
    JOIN series USING (series_no) JOIN source USING (source_id)
    GROUP BY s.pool_no
)
SELECT pool.pool_id, sku.provider, sku.name, sku.gpu_model, sku.gpu_count, sku.gpu_memory_bytes,
       price.usd                                                       AS price_usd_per_hour,
       price_kind, price.changed_at                                    AS price_effective_at,
       greatest(price.observed_at, repeated.observed_at)               AS price_observed_at,
       coalesce(usd_us::DOUBLE / nullif(us, 0) * 1e-9, usd::DOUBLE)    AS price_mean_usd_per_hour,
       CASE WHEN price.low = price.high OR us = 0 THEN 0 ELSE sqrt(greatest(0,
           log2_us::DOUBLE / us - (log_us::DOUBLE / us) ** 2)) * 1e-9 END AS price_log_sd,
       coalesce(changes, 0)                                            AS price_changes,
       on_demand_usd_per_hour,
       coalesce(preemptions, 0)                                        AS tenure_preemptions,
       coalesce(exposure_us, 0) / 3.6e9                                AS tenure_exposure_hours,
       coalesce(drops, 0)                                              AS probe_drops,
       coalesce(up_us, 0) / 3.6e9                                      AS probe_up_hours,
       coalesce(up_us + gap_us, 0) / 3.6e9                             AS probe_observed_hours,
       coalesce(gaps, 0)                                               AS probe_gaps,
       coalesce(gap_us, 0) / 3.6e9                                     AS probe_gap_hours,
       last_up                                                         AS available_now,
       CASE WHEN last_up THEN epoch($as_of::TIMESTAMPTZ - coalesce(last_down_at, probe_stat.first_at)) / 3600 END AS up_hours,
       least(tenure_stat.first_at, probe_stat.first_at)                AS observed_from,
       greatest(tenure_stat.last_at, probe_stat.last_at)               AS observed_until,
       sources, synthetic
FROM pool
JOIN said ON said.pool_no = pool.pool_no
JOIN sku ON sku.provider = pool.provider AND sku.name = pool.sku
LEFT JOIN price ON price.pool_no = pool.pool_no
LEFT JOIN repeated ON repeated.pool_no = pool.pool_no
LEFT JOIN probe_stat ON probe_stat.pool_no = pool.pool_no
LEFT JOIN tenure_stat ON tenure_stat.pool_no = pool.pool_no
LEFT JOIN on_demand AS od ON od.provider = pool.provider AND od.region = pool.region AND od.sku = pool.sku
WHERE pool.region <> 'unrecorded'
ORDER BY pool_id;
