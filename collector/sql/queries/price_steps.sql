-- What did this pool cost, step by step?
--
-- Grain    one row per price in force at some instant of [$from_at, $until_at]; the first may
--          have come into force earlier: it is the price carried in
-- Params   $pool_id, $from_at, $until_at TIMESTAMPTZ; $as_of TIMESTAMPTZ: nothing observed later is seen
-- Columns  effective_at, observed_at, price_usd_per_hour (USD per instance-hour), kind
--
-- In force is the last that took effect, of whatever kind; of one instant, recorded before
-- synthetic before list. As in pool_history: where a list price competes, a repeated
-- observation of a recorded price is a row of its own.
WITH visible AS (
    SELECT * EXCLUDE (ingest_run_id) FROM price_point
    WHERE pool_id = $pool_id AND observed_at <= $as_of AND effective_at <= least($until_at, $as_of)
    UNION ALL
    FROM price_repeat
    WHERE pool_id = $pool_id AND observed_at <= $as_of AND effective_at <= least($until_at, $as_of)
      AND EXISTS (FROM price_point WHERE pool_id = $pool_id AND kind = 'list')
),
ranked AS (
    SELECT *, (effective_at, CASE kind WHEN 'recorded' THEN 3 WHEN 'synthetic' THEN 2 ELSE 1 END,
               observed_at, price_usd_per_hour, source_id) AS place
    FROM visible
),
standing AS (  -- The last row of an instant stands.
    SELECT * FROM ranked
    QUALIFY lead(effective_at) OVER (ORDER BY place) IS DISTINCT FROM effective_at
),
step AS (
    SELECT * FROM standing
    QUALIFY lag((price_usd_per_hour, kind)) OVER (ORDER BY place) IS DISTINCT FROM (price_usd_per_hour, kind)
),
bounded AS (SELECT *, lead(effective_at) OVER (ORDER BY place) AS until_at FROM step)
SELECT effective_at, observed_at, price_usd_per_hour, kind
FROM bounded WHERE until_at IS NULL OR until_at > $from_at
ORDER BY effective_at;
