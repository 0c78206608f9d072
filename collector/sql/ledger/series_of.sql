-- Who tells prices of which pool?
--
-- Grain    one row per series with a price; of a pool where several had one on one day, every series
-- Columns  pool_id, series_no, pool_no, kind, source_id
SELECT pool_id, series_no, pool_no, kind, source_id FROM series JOIN pool USING (pool_no)
WHERE series_no IN (SELECT series_no FROM price_month)
   OR pool_no IN (SELECT pool_no FROM price_month WHERE others IS NOT NULL);
