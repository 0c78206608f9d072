-- Add sightings of instances that are not there yet.
--
-- Input    `incoming`: series_no, instance_ref, began_at, ended_at, end_cause, began_before, observed_at
-- Params   $ingest_run_id, $from_at, $until_at (span of began_at in `incoming`)
-- Answer   one row: rows_new
CREATE OR REPLACE TEMP TABLE fresh AS
WITH batch AS (
    SELECT DISTINCT series_no, instance_ref, began_at, ended_at, end_cause, began_before, observed_at FROM incoming
)
SELECT i.* FROM batch AS i
ANTI JOIN (FROM tenure_seen WHERE began_at BETWEEN $from_at AND $until_at) AS k
    ON k.series_no = i.series_no AND k.instance_ref = i.instance_ref AND k.began_at = i.began_at
   AND k.observed_at = i.observed_at AND k.ended_at IS NOT DISTINCT FROM i.ended_at
   AND k.end_cause IS NOT DISTINCT FROM i.end_cause AND k.began_before = i.began_before;

INSERT INTO tenure_seen BY NAME
SELECT *, $ingest_run_id AS ingest_run_id FROM fresh ORDER BY began_at;

SELECT count(*) AS rows_new FROM fresh;
