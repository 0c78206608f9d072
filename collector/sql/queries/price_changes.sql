-- Which prices of some series were known?
--
-- Grain    one row per change, of every source and kind, superseded ones included
-- Params   $series_nos INTEGER[]; $as_of TIMESTAMPTZ: nothing effective or observed later is seen
-- Columns  series_no; effective_us, observed_us (microseconds since 1970); usd_per_hour
-- In no order: whoever asks sorts numbers in a tenth of the time. As floats, for forecasts and no bill.
SELECT series_no, epoch_us(effective_at) AS effective_us, epoch_us(observed_at) AS observed_us,
       price_usd_per_hour::DOUBLE AS usd_per_hour
FROM price_change
WHERE series_no IN (SELECT unnest($series_nos)) AND effective_at <= $as_of AND observed_at <= $as_of;
