-- Add listings: of every description of a machine in a place, the first sight.
--
-- Input    `incoming`: the columns of sku_listing without its source and run
-- Params   $source_id, $ingest_run_id
-- Answer   one row: rows_new
--
-- A stored sight gives way to an earlier one that arrives late: whatever order they come in, one
-- row is left, and it is visible from when it was known.
CREATE OR REPLACE TEMP TABLE fresh AS
WITH seen AS (
    SELECT *, NULL AS ingest_run_id FROM incoming
    UNION ALL BY NAME
    SELECT * EXCLUDE (source_id) FROM sku_listing
    WHERE source_id = $source_id AND (provider, region, sku) IN (SELECT (provider, region, sku) FROM incoming)
)
SELECT * EXCLUDE (ingest_run_id) FROM seen
QUALIFY row_number() OVER (
    PARTITION BY provider, region, zone, sku, gpu_model, gpu_count, gpu_memory_bytes
    ORDER BY observed_at, effective_at, note NULLS LAST, ingest_run_id NULLS LAST) = 1
    AND ingest_run_id IS NULL;

DELETE FROM sku_listing AS known USING fresh
WHERE known.source_id = $source_id AND known.provider = fresh.provider AND known.region = fresh.region
  AND known.zone IS NOT DISTINCT FROM fresh.zone AND known.sku = fresh.sku AND known.gpu_model = fresh.gpu_model
  AND known.gpu_count = fresh.gpu_count AND known.gpu_memory_bytes IS NOT DISTINCT FROM fresh.gpu_memory_bytes;

INSERT INTO sku_listing BY NAME
SELECT *, $source_id AS source_id, $ingest_run_id AS ingest_run_id FROM fresh;

SELECT count(*) AS rows_new FROM fresh;
