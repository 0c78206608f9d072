-- Add sightings of instances that are not there yet.
--
-- Input    `incoming`: pool_id, instance_ref, began_at, ended_at, end_cause, began_before, observed_at
-- Params   $source_id, $ingest_run_id, $from_at, $until_at (span of began_at in `incoming`)
-- Answer   one row: rows_new
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT DISTINCT i.pool_id, i.instance_ref, i.began_at, i.ended_at, i.end_cause, i.began_before, i.observed_at
FROM incoming AS i
WHERE NOT EXISTS (
    FROM tenure AS k
    WHERE k.source_id = $source_id AND k.began_at BETWEEN $from_at AND $until_at
      AND k.pool_id = i.pool_id AND k.instance_ref = i.instance_ref AND k.began_at = i.began_at
      AND k.observed_at = i.observed_at AND k.ended_at IS NOT DISTINCT FROM i.ended_at
      AND k.end_cause IS NOT DISTINCT FROM i.end_cause AND k.began_before = i.began_before
);

INSERT INTO tenure BY NAME
SELECT *, $source_id AS source_id, $ingest_run_id AS ingest_run_id FROM fresh ORDER BY began_at;

SELECT count(*) AS rows_new FROM fresh;
