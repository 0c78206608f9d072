-- What does each publisher say of interruptions, as of an instant?
--
-- Grain    one row per provider, region, zone (NULL: of the region), SKU and source: the newest visible
-- Params   $as_of TIMESTAMPTZ: nothing effective or observed later is seen
-- Columns  provider, region, zone, sku, source_id
--          what         in words: who publishes which share of what
--          label        the band as published; NULL: a share without a band
--          denominator  running | stopped | launched | unknown
--          horizon_s    the span the share is taken over
--          window_s     the time it was averaged over; NULL: not stated
--          rate_low, rate_high   0..1; rate_high is NULL where the band is open
--          effective_at, observed_at
--          age_s        since effective_at
--          synthetic    whether the source is generated
SELECT band.provider, region, zone, sku, source_id, what, label, coalesce(denominator, 'unknown') AS denominator,
       horizon_s, window_s, rate_low, rate_high, effective_at, observed_at,
       epoch($as_of::TIMESTAMPTZ - effective_at)  AS age_s,
       coalesce(source.kind = 'synthetic', false) AS synthetic
FROM interruption_band AS band
LEFT JOIN source USING (source_id)
WHERE effective_at <= $as_of AND observed_at <= $as_of
QUALIFY row_number() OVER (PARTITION BY band.provider, region, zone, sku, source_id
                           ORDER BY effective_at DESC, observed_at DESC, rate_low DESC, what) = 1
ORDER BY band.provider, region, zone NULLS FIRST, sku, source_id;
