-- How fresh is the newest fact? Grain: one row. Params: $as_of: nothing observed later is seen.
-- Columns: newest_observed_at, NULL in an empty store. A published tariff does not count: it says
-- nothing about how the market stands.
SELECT max(observed_at) AS newest_observed_at
FROM (
    SELECT max(observed_at) AS observed_at FROM price_change WHERE observed_at <= $as_of
    UNION ALL SELECT max(observed_at) FROM price_confirmed WHERE observed_at <= $as_of
    UNION ALL SELECT max(observed_at) FROM probe_seen WHERE observed_at <= $as_of
    UNION ALL SELECT max(observed_at) FROM tenure_seen WHERE observed_at <= $as_of
    UNION ALL SELECT max(observed_at) FROM interruption_band WHERE observed_at <= $as_of
    UNION ALL SELECT max(observed_at) FROM placement_score WHERE observed_at <= $as_of
    UNION ALL SELECT max(observed_at) FROM interruption_event WHERE observed_at <= $as_of
    UNION ALL SELECT max(observed_at) FROM capacity_offer WHERE observed_at <= $as_of
    UNION ALL SELECT max(observed_at) FROM sku_listing WHERE observed_at <= $as_of
    UNION ALL SELECT max(observed_at) FROM run_overhead WHERE observed_at <= $as_of
);
