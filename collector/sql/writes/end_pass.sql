-- Write down how a pass ended, once. Params: named as the columns of collect_outcome.
INSERT INTO collect_outcome
SELECT $pass_id, $source_id, $started_at, $cadence_s, $history_s, $outcome, $trouble, $finished_at,
       $ingest_run_id, $rows_in, $rows_new, $rows_duplicate, $rows_quarantined
WHERE NOT EXISTS (SELECT 1 FROM collect_outcome WHERE pass_id = $pass_id);
