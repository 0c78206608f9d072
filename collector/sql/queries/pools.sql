-- Which pools are known?
--
-- Grain    one row per pool with a price, probe or tenure observed by $as_of, traces of an
--          unrecorded place included
-- Params   $as_of TIMESTAMPTZ
-- Columns  pool_id; provider, name, gpu_model, gpu_count, gpu_memory_bytes of its SKU
SELECT pool.pool_id, sku.*
FROM pool
JOIN sku ON sku.provider = pool.provider AND sku.name = pool.sku
WHERE pool.pool_id IN (
    SELECT pool_id FROM price_point WHERE observed_at <= $as_of
    UNION SELECT pool_id FROM probe WHERE observed_at <= $as_of
    UNION SELECT pool_id FROM tenure WHERE observed_at <= $as_of
)
ORDER BY pool.pool_id;
