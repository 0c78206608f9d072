-- Write down that a pass began, once. Params: named as the columns of collect_pass.
INSERT INTO collect_pass
SELECT $pass_id, $source_id, $job_id, $feed, $cadence_s, $stale_after_s, $history_s, $started_at
WHERE NOT EXISTS (SELECT 1 FROM collect_pass WHERE pass_id = $pass_id);
