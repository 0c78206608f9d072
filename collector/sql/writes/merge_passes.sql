-- Write the passes anew that gain or lose a repeat.
--
-- Input    the temporary table `judged`: series_no, effective_at, observed_at, is_repeat
-- Params   $source_id
CREATE OR REPLACE TEMP TABLE passes AS
WITH repeats AS (
    SELECT c.observed_at, s.series_no, s.effective_at
    FROM (
        SELECT observed_at, unnest(seen) AS s
        FROM price_confirmed SEMI JOIN judged USING (observed_at) WHERE source_id = $source_id
    ) AS c
    ANTI JOIN (FROM judged WHERE NOT is_repeat) AS gone
        ON gone.observed_at = c.observed_at AND gone.series_no = s.series_no AND gone.effective_at = s.effective_at
    UNION ALL
    SELECT observed_at, series_no, effective_at FROM judged WHERE is_repeat
)
SELECT $source_id AS source_id, observed_at, min(effective_at) AS first_at, max(effective_at) AS last_at,
       list({series_no: series_no, effective_at: effective_at} ORDER BY series_no, effective_at) AS seen
FROM repeats GROUP BY observed_at;

DELETE FROM price_confirmed
WHERE source_id = $source_id AND observed_at IN (SELECT observed_at FROM judged);

INSERT INTO price_confirmed BY NAME SELECT * FROM passes ORDER BY observed_at;
