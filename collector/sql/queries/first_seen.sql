-- Since when is each machine listed in each region?
--
-- Grain    one row per provider, SKU and region that listed it by $as_of, hence one per GPU model too
-- Params   $as_of TIMESTAMPTZ: nothing observed later is seen
-- Columns  provider, gpu_model, gpu_count, note   as described last; note NULL: nothing to say
--          sku, region
--          first_seen_at   when any source first saw the machine there, in whatever zone and
--                          under whatever model name: a derived name may be replaced later
SELECT provider,
       arg_max(gpu_model, (observed_at, gpu_model))  AS gpu_model,
       sku,
       region,
       arg_max(gpu_count, (observed_at, gpu_model))  AS gpu_count,
       arg_max({'note': note}, (observed_at, gpu_model)).note AS note,  -- Boxed, for arg_max skips NULL.
       min(observed_at)                              AS first_seen_at
FROM sku_listing
WHERE observed_at <= $as_of
GROUP BY provider, sku, region
ORDER BY first_seen_at DESC, provider, gpu_model, sku, region;
