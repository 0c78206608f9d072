-- How good is what each source gave us?
--
-- Grain    one row per source
-- Params   $as_of TIMESTAMPTZ: nothing observed later is seen
-- Columns  rows               facts kept, repeats of a price among them
--          last_effective_at, last_observed_at   newest of either clock
--          quarantined        rows turned away
--          gaps               holes in its probe series: more than 3 ticks without a probe
--
-- It is asked with every status, so it reads numbers and instants only: facts are added up by
-- series before names are put to them, and a pass of repeats is counted without being opened.
WITH by_series AS (
    SELECT series_no, count(*) AS rows, max(effective_at) AS effective_at, max(observed_at) AS observed_at
    FROM price_change WHERE observed_at <= $as_of GROUP BY series_no
    UNION ALL
    SELECT series_no, count(*), max(effective_at), max(observed_at)
    FROM probe_seen WHERE observed_at <= $as_of GROUP BY series_no
    UNION ALL
    SELECT series_no, count(*), max(coalesce(ended_at, observed_at)), max(observed_at)
    FROM tenure_seen WHERE observed_at <= $as_of GROUP BY series_no
),
fact AS (
    SELECT source_id, rows, effective_at, observed_at FROM by_series JOIN series USING (series_no)
    UNION ALL SELECT source_id, len(seen), last_at, observed_at FROM price_confirmed WHERE observed_at <= $as_of
    UNION ALL SELECT source_id, 1, effective_at, observed_at FROM interruption_band WHERE observed_at <= $as_of
    UNION ALL SELECT source_id, 1, effective_at, observed_at FROM tariff_point WHERE observed_at <= $as_of
    UNION ALL SELECT source_id, 1, effective_at, observed_at FROM placement_score WHERE observed_at <= $as_of
    UNION ALL SELECT source_id, 1, effective_at, observed_at FROM interruption_event WHERE observed_at <= $as_of
    UNION ALL SELECT source_id, 1, effective_at, observed_at FROM capacity_offer WHERE observed_at <= $as_of
    UNION ALL SELECT source_id, 1, effective_at, observed_at FROM sku_listing WHERE observed_at <= $as_of
    UNION ALL SELECT source_id, 1, effective_at, observed_at FROM run_overhead WHERE observed_at <= $as_of
    UNION ALL SELECT source_id, 1, NULL, NULL FROM gpu_inventory
    UNION ALL SELECT source_id, 1, NULL, NULL FROM gpu_demand
),
counted AS (
    SELECT source_id, sum(rows)::BIGINT AS rows, max(effective_at) AS last_effective_at,
           max(observed_at) AS last_observed_at
    FROM fact GROUP BY source_id
),
turned_away AS (
    SELECT source_id, count(*) AS quarantined FROM quarantine WHERE observed_at <= $as_of GROUP BY source_id
),
spaced AS (
    SELECT series_no, epoch_us(lead(effective_at) OVER in_order) - epoch_us(effective_at) AS next_us, holds_s
    FROM probe_seen WHERE observed_at <= $as_of
    WINDOW in_order AS (PARTITION BY series_no, wanted ORDER BY effective_at)
),
holed AS (
    SELECT source_id, sum(gaps)::BIGINT AS gaps
    FROM (SELECT series_no, count(*) AS gaps FROM spaced WHERE next_us > 3e6 * holds_s GROUP BY series_no)
    JOIN series USING (series_no)
    GROUP BY source_id
)
SELECT source_id, kind, licence, note, coalesce(rows, 0) AS rows, last_effective_at, last_observed_at,
       coalesce(quarantined, 0) AS quarantined, coalesce(gaps, 0) AS gaps
FROM source
LEFT JOIN counted USING (source_id)
LEFT JOIN turned_away USING (source_id)
LEFT JOIN holed USING (source_id)
ORDER BY source_id;
