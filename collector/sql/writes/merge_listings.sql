-- Add listings that were not seen before, so that the earliest observed_at is the first sight.
--
-- Input    `incoming`: the columns of sku_listing without its source and run
-- Params   $source_id, $ingest_run_id
-- Answer   one row: rows_new
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT i.* FROM incoming AS i
ANTI JOIN (FROM sku_listing WHERE source_id = $source_id) AS known
    ON known.provider = i.provider AND known.region = i.region AND known.zone IS NOT DISTINCT FROM i.zone
   AND known.sku = i.sku AND known.gpu_model = i.gpu_model AND known.gpu_count = i.gpu_count
   AND known.gpu_memory_bytes IS NOT DISTINCT FROM i.gpu_memory_bytes AND known.observed_at <= i.observed_at
QUALIFY row_number() OVER (
    PARTITION BY i.provider, i.region, i.zone, i.sku, i.gpu_model, i.gpu_count, i.gpu_memory_bytes
    ORDER BY i.observed_at, i.effective_at, i.note) = 1;

INSERT INTO sku_listing BY NAME
SELECT *, $source_id AS source_id, $ingest_run_id AS ingest_run_id FROM fresh;

SELECT count(*) AS rows_new FROM fresh;
