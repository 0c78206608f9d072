-- Whose word on these pools is there?
--
-- Grain    one row per series of a pool, those that told nothing yet too
-- Params   $pool_ids VARCHAR[]
-- Columns  pool_id, series_no, kind (of its prices), source_id, synthetic (whether its source was generated)
SELECT pool_id, series_no, series.kind, source_id, source.kind = 'synthetic' AS synthetic
FROM series JOIN pool USING (pool_no) JOIN source USING (source_id)
WHERE pool_id IN (SELECT unnest($pool_ids))
ORDER BY pool_id, series_no;
