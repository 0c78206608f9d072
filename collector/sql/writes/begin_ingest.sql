-- Open an ingest run. Params: $source_id, $kind, $licence, $note, $origin, $at.
-- Answer: one row, ingest_run_id.
INSERT INTO source VALUES ($source_id, $kind, $licence, $note, $at) ON CONFLICT DO NOTHING;
INSERT INTO ingest_run (ingest_run_id, source_id, origin, started_at)
VALUES (nextval('ingest_run_number'), $source_id, $origin, $at)
RETURNING ingest_run_id;
