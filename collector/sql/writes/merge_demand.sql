-- Add what a cluster was asked for, once. Input `incoming`: the columns of gpu_demand without its source and run.
-- Params: $source_id, $ingest_run_id. Answer: one row, rows_new.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT *, $source_id AS source_id FROM incoming
EXCEPT
SELECT * EXCLUDE (ingest_run_id) FROM gpu_demand;

INSERT INTO gpu_demand BY NAME SELECT *, $ingest_run_id AS ingest_run_id FROM fresh;

SELECT count(*) AS rows_new FROM fresh;
