-- What did this series say between two instants?
--
-- Grain    one row per change
-- Params   $series_no; $from_at, $as_of TIMESTAMPTZ: nothing effective or observed later is seen
-- Columns  effective_at, observed_at, nano (1e-9 USD per hour), series_no
SELECT effective_at, observed_at, round(price_usd_per_hour::DOUBLE * 1e9)::BIGINT AS nano, series_no
FROM price_change
WHERE series_no = $series_no AND effective_at >= $from_at AND effective_at <= $as_of AND observed_at <= $as_of;
