-- How fresh is the newest fact? Grain: one row. Params: $as_of: nothing observed later is seen.
-- Columns: newest_observed_at, NULL in an empty store.
SELECT max(observed_at) AS newest_observed_at
FROM (
    SELECT max(observed_at) AS observed_at FROM price_point WHERE observed_at <= $as_of
    UNION ALL SELECT max(observed_at) FROM price_repeat WHERE observed_at <= $as_of
    UNION ALL SELECT max(observed_at) FROM probe WHERE observed_at <= $as_of
    UNION ALL SELECT max(observed_at) FROM tenure WHERE observed_at <= $as_of
);
