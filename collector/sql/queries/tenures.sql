-- Which instances lived in this pool, and how did they end?
--
-- Grain    one row per instance alive at some instant of [$from_at, $until_at], as last seen by $as_of
-- Params   $pool_id, $from_at, $until_at TIMESTAMPTZ; $as_of TIMESTAMPTZ: nothing observed later is seen
-- Columns  instance_ref, began_at, ended_at and end_cause (NULL: alive at observed_at), began_before,
--          observed_at
SELECT instance_ref, began_at, ended_at, end_cause, began_before, observed_at
FROM tenure
WHERE pool_id = $pool_id AND observed_at <= $as_of AND began_at <= least($until_at, $as_of)
QUALIFY row_number() OVER (PARTITION BY source_id, instance_ref, began_at
                           ORDER BY observed_at DESC, ended_at DESC NULLS LAST) = 1
    AND coalesce(ended_at, observed_at) >= $from_at
ORDER BY began_at, instance_ref;
