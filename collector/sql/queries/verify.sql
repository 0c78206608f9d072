-- What is wrong with the stored facts? Grain: one row per problem that exists. No $as_of: all rows count.
-- Columns: problem (words), rows (count).
SELECT problem, rows FROM (
    SELECT 'prices of unknown pools' AS problem, count(*) AS rows
    FROM price_point ANTI JOIN pool USING (pool_id)
    UNION ALL SELECT 'probes of unknown pools', count(*) FROM probe ANTI JOIN pool USING (pool_id)
    UNION ALL SELECT 'tenures of unknown pools', count(*) FROM tenure ANTI JOIN pool USING (pool_id)
    UNION ALL SELECT 'pools of unknown SKUs', count(*)
              FROM pool ANTI JOIN sku ON sku.provider = pool.provider AND sku.name = pool.sku
    UNION ALL SELECT 'prices without an ingest run', count(*) FROM price_point ANTI JOIN ingest_run USING (ingest_run_id)
    UNION ALL SELECT 'probes without an ingest run', count(*) FROM probe ANTI JOIN ingest_run USING (ingest_run_id)
    UNION ALL SELECT 'prices that are not positive', count(*) FROM price_point WHERE price_usd_per_hour <= 0
    UNION ALL SELECT 'probes with impossible counts', count(*) FROM probe WHERE obtainable < 0 OR obtainable > wanted
    UNION ALL SELECT 'tenures that end before they begin', count(*) FROM tenure WHERE ended_at < began_at
    UNION ALL SELECT 'prices stored twice', count(*) FROM (
        SELECT 1 FROM (FROM price_point UNION ALL FROM price_repeat)
        GROUP BY pool_id, source_id, kind, effective_at, observed_at, price_usd_per_hour HAVING count(*) > 1)
    UNION ALL SELECT 'probes stored twice', count(*) FROM (
        SELECT 1 FROM probe
        GROUP BY pool_id, source_id, effective_at, observed_at, wanted, obtainable, holds_s HAVING count(*) > 1)
    UNION ALL SELECT 'events of unknown runs', count(*) FROM run_event ANTI JOIN run USING (run_id)
    UNION ALL SELECT 'events stored twice', count(*) FROM (
        SELECT 1 FROM run_event GROUP BY run_id, attempt, node, seq HAVING count(*) > 1)
) WHERE rows > 0;
