-- Which runs are there? Grain: one row per run, oldest first. Columns: those of run.
FROM run ORDER BY opened_at, run_id;
