-- How was this run opened? Grain: one row or none. Params: $run_id. Columns: those of run.
FROM run WHERE run_id = $run_id;
