-- Number and keep the next attempt of a run. Params: as the columns. Answer: one row, attempt.
INSERT INTO attempt
SELECT $run_id, coalesce(max(attempt), 0) + 1, $pool_id, $issued_at, $plan FROM attempt WHERE run_id = $run_id;

SELECT max(attempt) AS attempt FROM attempt WHERE run_id = $run_id;
