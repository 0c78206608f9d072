-- Who tells of this pool? Grain: one row per series. Params: $pool_id. Columns: series_no, pool_no, kind, source_id.
SELECT series_no, pool_no, kind, source_id FROM series JOIN pool USING (pool_no) WHERE pool_id = $pool_id;
