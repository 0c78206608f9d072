-- How does each live source stand?
--
-- Grain    one row per source that was ever to be read live
-- Params   $as_of TIMESTAMPTZ: nothing that was written down later is seen
-- Columns  job_id, feed, cadence_s, stale_after_s   of its last pass
--          started_at, finished_at, outcome, trouble  of its last pass; NULL outcome: it did not end
--          last_ok_at         start of the last pass that went well: its facts are as of then
--          failed_at, error   end and trouble of the last pass that ended and did not go well
--          passes, rows_in, rows_new, rows_duplicate, rows_quarantined   of all passes
WITH newest AS (
    SELECT source_id, arg_max(pass_id, started_at) AS pass_id, count(*) AS passes
    FROM collect_pass WHERE started_at <= $as_of GROUP BY source_id
),
last AS (SELECT p.*, passes FROM collect_pass AS p JOIN newest USING (source_id, pass_id)),
ever AS (
    SELECT source_id,
           max(started_at) FILTER (outcome = 'ok')                  AS last_ok_at,
           max(finished_at) FILTER (outcome <> 'ok')                AS failed_at,
           arg_max(trouble, finished_at) FILTER (outcome <> 'ok')   AS error,
           sum(rows_in)::BIGINT                                     AS rows_in,
           sum(rows_new)::BIGINT                                    AS rows_new,
           sum(rows_duplicate)::BIGINT                              AS rows_duplicate,
           sum(rows_quarantined)::BIGINT                            AS rows_quarantined
    FROM collect_outcome WHERE finished_at <= $as_of GROUP BY source_id
),
ended AS (
    SELECT pass_id, outcome, trouble, finished_at FROM collect_outcome
    WHERE finished_at <= $as_of AND started_at >= (SELECT min(started_at) FROM last)
)
SELECT last.source_id, job_id, feed, cadence_s, stale_after_s, last.started_at, finished_at, outcome, trouble,
       last_ok_at, failed_at, error, passes, coalesce(rows_in, 0) AS rows_in, coalesce(rows_new, 0) AS rows_new,
       coalesce(rows_duplicate, 0) AS rows_duplicate, coalesce(rows_quarantined, 0) AS rows_quarantined
FROM last
LEFT JOIN ended USING (pass_id)
LEFT JOIN ever ON ever.source_id = last.source_id
ORDER BY last.source_id;
