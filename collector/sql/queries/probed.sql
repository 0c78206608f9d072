-- Which pools were probed, and from when to when?
--
-- Grain    one row per pool; traces whose recorder did not say where they ran are left out
-- Params   $as_of TIMESTAMPTZ: nothing effective or observed later is seen
-- Columns  pool_id, gpu_model, first_at, last_at
SELECT pool_id, gpu_model, min(effective_at) AS first_at, max(effective_at) AS last_at
FROM probe_seen JOIN series USING (series_no) JOIN pool USING (pool_no)
JOIN sku ON sku.provider = pool.provider AND sku.name = pool.sku
WHERE effective_at <= $as_of AND observed_at <= $as_of AND region <> 'unrecorded'
GROUP BY pool_id, gpu_model ORDER BY pool_id;
