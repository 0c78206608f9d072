-- How does each live source stand?
--
-- Grain    one row per source that was ever to be read live
-- Params   $as_of TIMESTAMPTZ: nothing that was written down later is seen
-- Columns  job_id, feed, cadence_s, stale_after_s   of its last pass
--          started_at, finished_at, outcome, trouble  of its last pass; NULL outcome: it did not end
--          last_ok_at         start of the last pass that went well: its facts are as of then
--          failed_at, error   end and trouble of the last pass that ended and did not go well
--          passes, rows_in, rows_new, rows_duplicate, rows_quarantined   of all passes
WITH pass AS (
    SELECT p.*, o.outcome, o.trouble, o.finished_at, o.rows_in, o.rows_new, o.rows_duplicate, o.rows_quarantined
    FROM collect_pass AS p
    LEFT JOIN collect_outcome AS o ON o.pass_id = p.pass_id AND o.finished_at <= $as_of
    WHERE p.started_at <= $as_of
),
last AS (
    SELECT * FROM pass
    QUALIFY row_number() OVER (PARTITION BY source_id ORDER BY started_at DESC, pass_id DESC) = 1
),
ever AS (
    SELECT source_id,
           max(started_at) FILTER (outcome = 'ok')                  AS last_ok_at,
           max(finished_at) FILTER (outcome <> 'ok')                AS failed_at,
           arg_max(trouble, finished_at) FILTER (outcome <> 'ok')   AS error,
           count(*)                                                 AS passes,
           coalesce(sum(rows_in), 0)::BIGINT                        AS rows_in,
           coalesce(sum(rows_new), 0)::BIGINT                       AS rows_new,
           coalesce(sum(rows_duplicate), 0)::BIGINT                 AS rows_duplicate,
           coalesce(sum(rows_quarantined), 0)::BIGINT               AS rows_quarantined
    FROM pass GROUP BY source_id
)
SELECT last.source_id, job_id, feed, cadence_s, stale_after_s, started_at, finished_at, outcome, trouble,
       last_ok_at, failed_at, error, passes, ever.rows_in, ever.rows_new, ever.rows_duplicate,
       ever.rows_quarantined
FROM last JOIN ever USING (source_id)
ORDER BY last.source_id;
