-- How often was this run started, and where? Grain: one row per attempt. Params: $run_id.
FROM attempt WHERE run_id = $run_id ORDER BY attempt;
