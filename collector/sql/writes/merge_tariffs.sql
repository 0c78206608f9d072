-- Add published egress and storage tariffs, once. Input `incoming`: the columns of tariff_point without its source and run.
-- Params: $source_id, $ingest_run_id. Answer: one row, rows_new.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT * REPLACE (price_usd::DECIMAL(18, 9) AS price_usd), $source_id AS source_id FROM incoming
EXCEPT
SELECT * EXCLUDE (ingest_run_id) FROM tariff_point;

INSERT INTO tariff_point BY NAME SELECT *, $ingest_run_id AS ingest_run_id FROM fresh;

SELECT count(*) AS rows_new FROM fresh;
