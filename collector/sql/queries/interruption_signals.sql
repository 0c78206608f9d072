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
WITH newest AS (
    SELECT provider, region, zone, sku, source_id,
           -- One pass; of two at the same instants the more dangerous, so that the answer is one.
           arg_max({what: what, label: label, denominator: denominator, horizon_s: horizon_s, window_s: window_s,
                    rate_low: rate_low, rate_high: rate_high, effective_at: effective_at, observed_at: observed_at},
                   {effective: effective_at, observed: observed_at, low: rate_low, high: coalesce(rate_high, 1),
                    what: what}) AS said
    FROM interruption_band
    WHERE effective_at <= $as_of AND observed_at <= $as_of
    GROUP BY ALL
)
SELECT provider, region, zone, sku, source_id,
       said.what, said.label, coalesce(said.denominator, 'unknown') AS denominator, said.horizon_s, said.window_s,
       said.rate_low, said.rate_high, said.effective_at, said.observed_at,
       epoch($as_of::TIMESTAMPTZ - said.effective_at) AS age_s,
       coalesce(source.kind = 'synthetic', false)     AS synthetic
FROM newest
LEFT JOIN source USING (source_id)
ORDER BY provider, region, zone NULLS FIRST, sku, source_id;
