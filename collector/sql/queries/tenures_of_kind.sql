-- Which instances of one machine's GPU began lately on spot, and how did they end?
--
-- Grain    one row per instance that began in [$from_at, $as_of], as last seen by $as_of; what a
--          recorder did not say the place of is left out
-- Params   $provider, $gpu_model; $from_at, $as_of TIMESTAMPTZ: nothing observed later is seen
-- Columns  pool_id, then as tenures.sql
SELECT pool_id, instance_ref, began_at, ended_at, end_cause, began_before, observed_at
FROM tenure_seen JOIN series USING (series_no) JOIN pool USING (pool_no)
JOIN sku ON sku.provider = pool.provider AND sku.name = pool.sku
WHERE pool.provider = $provider AND gpu_model = $gpu_model AND capacity_type = 'spot' AND region <> 'unrecorded'
  AND observed_at <= $as_of AND began_at BETWEEN $from_at AND $as_of
QUALIFY row_number() OVER (PARTITION BY series_no, instance_ref, began_at
                           ORDER BY observed_at DESC, ended_at DESC NULLS LAST) = 1
ORDER BY pool_id, began_at, instance_ref;
