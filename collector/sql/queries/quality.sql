-- How good is what each source gave us?
--
-- Grain    one row per source
-- Params   $as_of TIMESTAMPTZ: nothing observed later is seen
-- Columns  rows               facts kept
--          last_effective_at, last_observed_at   newest of either clock
--          quarantined        rows turned away
--          gaps               holes in its probe series: more than 3 ticks without a probe
WITH fact AS (
    SELECT source_id, effective_at, observed_at FROM price_point WHERE observed_at <= $as_of
    UNION ALL SELECT source_id, effective_at, observed_at FROM price_repeat WHERE observed_at <= $as_of
    UNION ALL SELECT source_id, effective_at, observed_at FROM probe WHERE observed_at <= $as_of
    UNION ALL SELECT source_id, coalesce(ended_at, observed_at), observed_at FROM tenure WHERE observed_at <= $as_of
    UNION ALL SELECT source_id, effective_at, observed_at FROM interruption_band WHERE observed_at <= $as_of
    UNION ALL SELECT source_id, effective_at, observed_at FROM tariff_point WHERE observed_at <= $as_of
    UNION ALL SELECT source_id, NULL, NULL FROM gpu_inventory
    UNION ALL SELECT source_id, NULL, NULL FROM gpu_demand
),
counted AS (
    SELECT source_id, count(*) AS rows, max(effective_at) AS last_effective_at, max(observed_at) AS last_observed_at
    FROM fact GROUP BY source_id
),
turned_away AS (
    SELECT source_id, count(*) AS quarantined FROM quarantine WHERE observed_at <= $as_of GROUP BY source_id
),
spaced AS (
    SELECT source_id, holds_s, epoch(lead(effective_at) OVER series - effective_at) AS next_s
    FROM probe WHERE observed_at <= $as_of
    WINDOW series AS (PARTITION BY source_id, pool_id, wanted ORDER BY effective_at)
),
holed AS (SELECT source_id, count(*) AS gaps FROM spaced WHERE next_s > 3 * holds_s GROUP BY source_id)
SELECT source_id, kind, licence, note, coalesce(rows, 0) AS rows, last_effective_at, last_observed_at,
       coalesce(quarantined, 0) AS quarantined, coalesce(gaps, 0) AS gaps
FROM source
LEFT JOIN counted USING (source_id)
LEFT JOIN turned_away USING (source_id)
LEFT JOIN holed USING (source_id)
ORDER BY source_id;
