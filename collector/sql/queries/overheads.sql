-- How long did saving, restoring, restarting and waiting take where it was measured?
--
-- Grain    one row per provider, SKU, kind of source and what was measured
-- Params   $as_of TIMESTAMPTZ: nothing that was over or observed later is seen
-- Columns  kind        recorded | synthetic: a measurement of one kind never stands for another
--          what        restart | pause | upload | restore | wait
--          count       measurements
--          median_s, p90_s   seconds, interpolated between measurements
--          bytes       median of those that moved a known number; NULL: none did
--          newest_at   when the newest was over
SELECT split_part(pool_id, '/', 1)              AS provider,
       split_part(pool_id, '/', 4)              AS sku,
       coalesce(source.kind, 'recorded')        AS kind,
       what,
       count(*)                                 AS count,
       quantile_cont(seconds, 0.5)              AS median_s,
       quantile_cont(seconds, 0.9)              AS p90_s,
       round(quantile_cont(bytes, 0.5))::BIGINT AS bytes,
       max(effective_at)                        AS newest_at
FROM run_overhead
LEFT JOIN source USING (source_id)
WHERE effective_at <= $as_of AND observed_at <= $as_of
GROUP BY ALL
ORDER BY provider, sku, kind, what;
