-- Keep what was turned away, once. Input `incoming`: reason, content.
-- Params: $source_id, $ingest_run_id, $at. Answer: one row, rows_new.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT DISTINCT i.reason, i.content
FROM incoming AS i
ANTI JOIN (FROM quarantine WHERE source_id = $source_id) AS known USING (reason, content);

INSERT INTO quarantine BY NAME
SELECT *, $source_id AS source_id, $at AS observed_at, $ingest_run_id AS ingest_run_id FROM fresh;

SELECT count(*) AS rows_new FROM fresh;
