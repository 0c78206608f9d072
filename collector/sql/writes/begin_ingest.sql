-- Open an ingest run. Params: $source_id, $kind, $licence, $note, $origin, $fingerprint, $at.
-- Answer: one row, ingest_run_id.
INSERT INTO source
SELECT $source_id, $kind, $licence, $note, $at
WHERE $source_id NOT IN (SELECT source_id FROM source);

INSERT INTO ingest_run BY NAME
SELECT coalesce(max(ingest_run_id), 0) + 1 AS ingest_run_id, $source_id AS source_id, $origin AS origin,
       $at AS started_at, $fingerprint AS fingerprint
FROM ingest_run;

SELECT max(ingest_run_id) AS ingest_run_id FROM ingest_run;
