-- Who tells of which pool? Grain: one row per series. Columns: pool_id, series_no, pool_no, kind, source_id.
SELECT pool_id, series_no, pool_no, kind, source_id FROM series JOIN pool USING (pool_no);
