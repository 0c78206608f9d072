-- What is wrong with the stored facts? Grain: one row per problem that exists. No $as_of: all rows count.
-- Columns: problem (words), rows (count).
SELECT problem, rows FROM (
    SELECT 'series of unknown pools' AS problem, count(*) AS rows FROM series ANTI JOIN pool USING (pool_no)
    UNION ALL SELECT 'pools of unknown SKUs', count(*)
              FROM pool ANTI JOIN sku ON sku.provider = pool.provider AND sku.name = pool.sku
    UNION ALL SELECT 'numbers given twice', count(*) FROM (
        SELECT 1 FROM pool GROUP BY pool_no HAVING count(*) > 1
        UNION ALL SELECT 1 FROM pool GROUP BY pool_id HAVING count(*) > 1
        UNION ALL SELECT 1 FROM series GROUP BY series_no HAVING count(*) > 1
        UNION ALL SELECT 1 FROM series GROUP BY pool_no, source_id, kind HAVING count(*) > 1
        UNION ALL SELECT 1 FROM ingest_run GROUP BY ingest_run_id HAVING count(*) > 1
        UNION ALL SELECT 1 FROM source GROUP BY source_id HAVING count(*) > 1)
    UNION ALL SELECT 'prices of unknown series', count(*) FROM price_change ANTI JOIN series USING (series_no)
    UNION ALL SELECT 'probes of unknown series', count(*) FROM probe_seen ANTI JOIN series USING (series_no)
    UNION ALL SELECT 'tenures of unknown series', count(*) FROM tenure_seen ANTI JOIN series USING (series_no)
    UNION ALL SELECT 'prices without an ingest run', count(*) FROM price_change ANTI JOIN ingest_run USING (ingest_run_id)
    UNION ALL SELECT 'probes without an ingest run', count(*) FROM probe_seen ANTI JOIN ingest_run USING (ingest_run_id)
    UNION ALL SELECT 'prices that are not positive', count(*) FROM price_change WHERE price_usd_per_hour <= 0
    UNION ALL SELECT 'probes with impossible counts', count(*) FROM probe_seen WHERE obtainable < 0 OR obtainable > wanted
    UNION ALL SELECT 'tenures that end before they begin', count(*) FROM tenure_seen WHERE ended_at < began_at
    UNION ALL SELECT 'prices stored twice', count(*) FROM (
        SELECT 1 FROM price_change
        GROUP BY series_no, effective_at, observed_at, price_usd_per_hour HAVING count(*) > 1)
    UNION ALL SELECT 'repeats stored twice, or beside a change', count(*) FROM (
        SELECT 1 FROM (
            SELECT s.series_no, s.effective_at, observed_at
            FROM (SELECT observed_at, unnest(seen) AS s FROM price_confirmed)
            UNION ALL SELECT DISTINCT series_no, effective_at, observed_at FROM price_change)
        GROUP BY series_no, effective_at, observed_at HAVING count(*) > 1)
    UNION ALL SELECT 'repeats of no price', count(*) FROM (
        SELECT s.series_no, s.effective_at FROM (SELECT unnest(seen) AS s FROM price_confirmed)
        ANTI JOIN (SELECT series_no, min(effective_at) AS first_at FROM price_change GROUP BY ALL) AS p
            ON p.series_no = s.series_no AND p.first_at <= s.effective_at)
    UNION ALL SELECT 'probes stored twice', count(*) FROM (
        SELECT 1 FROM probe_seen
        GROUP BY series_no, effective_at, observed_at, wanted, obtainable, holds_s HAVING count(*) > 1)
    UNION ALL SELECT 'events of unknown runs', count(*) FROM run_event ANTI JOIN run USING (run_id)
    UNION ALL SELECT 'events stored twice', count(*) FROM (
        SELECT 1 FROM run_event GROUP BY run_id, attempt, node, seq HAVING count(*) > 1)
) WHERE rows > 0;
