-- What did this run report? Grain: one row per event. Params: $run_id. Columns: content (JSON).
SELECT content FROM run_event WHERE run_id = $run_id ORDER BY attempt, reported_at, node, seq;
