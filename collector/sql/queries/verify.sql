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
    UNION ALL SELECT 'facts from before there were clouds', count(*) FROM (
        SELECT effective_at, observed_at FROM price_change
        UNION ALL SELECT effective_at, observed_at FROM interruption_band
        UNION ALL SELECT effective_at, observed_at FROM placement_score
        UNION ALL SELECT effective_at, observed_at FROM interruption_event
        UNION ALL SELECT effective_at, observed_at FROM capacity_offer
        UNION ALL SELECT effective_at, observed_at FROM sku_listing
    ) WHERE least(effective_at, observed_at) < TIMESTAMPTZ '2006-01-01 00:00:00+00'
    UNION ALL SELECT 'bands that are no shares', count(*) FROM interruption_band
              WHERE NOT (rate_low BETWEEN 0 AND 1 AND coalesce(rate_high, 1) BETWEEN rate_low AND 1
                         AND coalesce(saving, 0) BETWEEN 0 AND 1 AND horizon_s > 0 AND coalesce(window_s, 1) > 0)
    UNION ALL SELECT 'bands of unknown machines', count(*) FROM interruption_band
              WHERE denominator NOT IN ('running', 'stopped', 'launched', 'unknown')
    UNION ALL SELECT 'scores that contradict their outcome', count(*) FROM placement_score
              WHERE outcome NOT IN ('scored', 'unlisted', 'refused') OR (outcome = 'scored') = (score IS NULL)
                 OR (outcome <> 'refused' AND refusal IS NOT NULL)
    UNION ALL SELECT 'interruptions in unknown words', count(*) FROM interruption_event
              WHERE what NOT IN ('interruption', 'rebalance', 'preempted') OR witness NOT IN ('eventbridge', 'audit_log')
    UNION ALL SELECT 'offers of nothing', count(*) FROM capacity_offer
              WHERE instances < 1 OR ends_at <= starts_at OR upfront_usd <= 0
    UNION ALL SELECT 'listings of no GPU', count(*) FROM sku_listing WHERE gpu_count < 1 OR gpu_memory_bytes <= 0
    UNION ALL SELECT 'overheads in unknown words, or that took no time', count(*) FROM run_overhead
              WHERE what NOT IN ('restart', 'pause', 'upload', 'restore', 'wait') OR NOT seconds >= 0 OR bytes < 0
    UNION ALL SELECT 'tenures stored twice', count(*) FROM (
        SELECT * EXCLUDE (ingest_run_id) FROM tenure_seen GROUP BY ALL HAVING count(*) > 1)
    UNION ALL SELECT 'bands stored twice', count(*) FROM (
        SELECT * EXCLUDE (ingest_run_id) FROM interruption_band GROUP BY ALL HAVING count(*) > 1)
    UNION ALL SELECT 'scores stored twice', count(*) FROM (
        SELECT * EXCLUDE (ingest_run_id) FROM placement_score GROUP BY ALL HAVING count(*) > 1)
    UNION ALL SELECT 'interruptions stored twice', count(*) FROM (
        SELECT 1 FROM interruption_event GROUP BY provider, event_id HAVING count(*) > 1)
    UNION ALL SELECT 'offers stored twice', count(*) FROM (
        SELECT * EXCLUDE (ingest_run_id) FROM capacity_offer GROUP BY ALL HAVING count(*) > 1)
    UNION ALL SELECT 'listings stored twice', count(*) FROM (
        SELECT 1 FROM sku_listing
        GROUP BY source_id, provider, region, zone, sku, gpu_model, gpu_count, gpu_memory_bytes HAVING count(*) > 1)
    UNION ALL SELECT 'overheads stored twice', count(*) FROM (
        SELECT * EXCLUDE (ingest_run_id) FROM run_overhead GROUP BY ALL HAVING count(*) > 1)
    UNION ALL SELECT 'rejects kept twice', count(*) FROM (
        SELECT 1 FROM quarantine WHERE ingest_run_id IS NOT NULL  -- Of run events nothing is dropped.
        GROUP BY source_id, reason, content HAVING count(*) > 1)
    UNION ALL SELECT 'events of unknown runs', count(*) FROM run_event ANTI JOIN run USING (run_id)
    UNION ALL SELECT 'events stored twice', count(*) FROM (
        SELECT 1 FROM run_event GROUP BY run_id, attempt, node, seq HAVING count(*) > 1)
) WHERE rows > 0;
