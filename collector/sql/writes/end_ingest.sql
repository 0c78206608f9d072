-- Close an ingest run with its counts. Params: named as the columns, $at for finished_at.
UPDATE ingest_run
SET finished_at = $at, rows_in = $rows_in, rows_new = $rows_new, rows_duplicate = $rows_duplicate,
    rows_quarantined = $rows_quarantined, reasons = $reasons, from_at = $from_at, until_at = $until_at, trouble = $trouble
WHERE ingest_run_id = $ingest_run_id;
