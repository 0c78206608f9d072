-- Which pools has anybody probed or kept an instance in? Grain: one row per pool. Params: $as_of.
SELECT pool_id FROM probe WHERE observed_at <= $as_of
UNION SELECT pool_id FROM tenure WHERE observed_at <= $as_of
ORDER BY pool_id;
