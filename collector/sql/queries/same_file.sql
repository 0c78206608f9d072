-- Was this very file read to its end before, in this very way?
--
-- Grain    one row or none: the newest such ingest run
-- Params   $source_id, $fingerprint
-- Columns  ingest_run_id, rows_in, rows_quarantined, reasons, from_at, until_at
SELECT ingest_run_id, rows_in, rows_quarantined, reasons, from_at, until_at
FROM ingest_run
WHERE source_id = $source_id AND fingerprint = $fingerprint AND finished_at IS NOT NULL AND trouble IS NULL
ORDER BY ingest_run_id DESC LIMIT 1;
