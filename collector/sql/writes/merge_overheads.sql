-- Add measured overheads, once. Input `incoming`: the columns of run_overhead without its source and run.
-- Params: $source_id, $ingest_run_id. Answer: one row, rows_new.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT *, $source_id AS source_id FROM incoming
EXCEPT
SELECT * EXCLUDE (ingest_run_id) FROM run_overhead;

INSERT INTO run_overhead BY NAME SELECT *, $ingest_run_id AS ingest_run_id FROM fresh;

SELECT count(*) AS rows_new FROM fresh;
