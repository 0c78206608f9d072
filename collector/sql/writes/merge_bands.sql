-- Add published interruption bands, once. Input `incoming`: the columns of interruption_band without its source and run.
-- Params: $source_id, $ingest_run_id. Answer: one row, rows_new.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT *, $source_id AS source_id FROM incoming
EXCEPT
SELECT * EXCLUDE (ingest_run_id) FROM interruption_band;

INSERT INTO interruption_band BY NAME SELECT *, $ingest_run_id AS ingest_run_id FROM fresh;

SELECT count(*) AS rows_new FROM fresh;
