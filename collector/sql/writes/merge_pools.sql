-- Make pools, SKUs and series known. What is known already stays as it is, and numbers are
-- given once; the caller holds the lock that makes it so.
--
-- Input    `incoming_sku`: as sku. `incoming`: pool_id, provider, region, zone, sku, capacity_type, kind
-- Params   $source_id
-- Answer   one row per row of `incoming`: pool_id, kind, series_no
INSERT INTO sku BY NAME
SELECT * FROM incoming_sku AS i ANTI JOIN sku AS k ON k.provider = i.provider AND k.name = i.name;

INSERT INTO pool BY NAME
SELECT (SELECT coalesce(max(pool_no), 0) FROM pool) + row_number() OVER (ORDER BY pool_id) AS pool_no, *
FROM (
    SELECT DISTINCT pool_id, provider, region, zone, sku, capacity_type
    FROM incoming ANTI JOIN pool USING (pool_id)
);

INSERT INTO series BY NAME
SELECT (SELECT coalesce(max(series_no), 0) FROM series) + row_number() OVER (ORDER BY pool_no, kind) AS series_no,
       pool_no, $source_id AS source_id, kind
FROM (
    SELECT DISTINCT pool_no, kind FROM incoming JOIN pool USING (pool_id)
    ANTI JOIN (FROM series WHERE source_id = $source_id) AS known USING (pool_no, kind)
);

SELECT pool_id, incoming.kind, series_no
FROM incoming JOIN pool USING (pool_id) JOIN series USING (pool_no)
WHERE source_id = $source_id AND series.kind = incoming.kind;
