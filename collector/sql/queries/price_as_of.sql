-- What did this pool cost at that instant, by all that was known then?
--
-- Grain    one row or none: the price in force
-- Params   $pool_id; $as_of TIMESTAMPTZ: nothing effective or observed later is seen
-- Columns  effective_at, observed_at, price_usd_per_hour (USD per instance-hour), kind, source_id
--
-- In force is the last that took effect, of whatever kind; of one instant, recorded before
-- synthetic before list. A repeat of a price counts where a list price competes with it.
WITH mine AS (SELECT series_no, kind, source_id FROM series JOIN pool USING (pool_no) WHERE pool_id = $pool_id),
seen AS (
    SELECT effective_at, observed_at, price_usd_per_hour, kind, source_id
    FROM price_change JOIN mine USING (series_no)
    WHERE effective_at <= $as_of AND observed_at <= $as_of
    UNION ALL
    SELECT effective_at, observed_at, price_usd_per_hour, kind, source_id
    FROM price_repeat
    WHERE pool_id = $pool_id AND effective_at <= $as_of AND observed_at <= $as_of
      AND EXISTS (FROM mine WHERE kind = 'list')
)
FROM seen
ORDER BY effective_at DESC, CASE kind WHEN 'recorded' THEN 3 WHEN 'synthetic' THEN 2 ELSE 1 END DESC,
         observed_at DESC, price_usd_per_hour DESC, source_id DESC
LIMIT 1;
