-- Add capacity offers, once. Input `incoming`: the columns of capacity_offer without its source and run.
-- Params: $source_id, $ingest_run_id. Answer: one row, rows_new.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT * REPLACE (upfront_usd::DECIMAL(18, 9) AS upfront_usd), $source_id AS source_id FROM incoming
EXCEPT
SELECT * EXCLUDE (ingest_run_id) FROM capacity_offer;

INSERT INTO capacity_offer BY NAME SELECT *, $ingest_run_id AS ingest_run_id FROM fresh;

SELECT count(*) AS rows_new FROM fresh;
