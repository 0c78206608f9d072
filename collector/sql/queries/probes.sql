-- What did probing this pool find?
--
-- Grain    one row per probe of [$from_at, $until_at]; of two for the same instant, the later observed
-- Params   $pool_id, $from_at, $until_at TIMESTAMPTZ; $as_of TIMESTAMPTZ: nothing observed later is seen
-- Columns  effective_at, observed_at, wanted, obtainable (instances), holds_s (seconds)
SELECT effective_at, observed_at, wanted, obtainable, holds_s
FROM probe
WHERE pool_id = $pool_id AND effective_at BETWEEN $from_at AND $until_at
  AND effective_at <= $as_of AND observed_at <= $as_of
QUALIFY row_number() OVER (PARTITION BY source_id, wanted, effective_at ORDER BY observed_at DESC, obtainable, holds_s) = 1
ORDER BY effective_at, wanted;
