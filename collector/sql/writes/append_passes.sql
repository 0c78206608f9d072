-- Store passes that are not there yet, and write anew those that are.
--
-- Input    `pass`: observed_at, first_at, last_at, seen; `repeats`: series_no, effective_at, observed_at of
--          passes that are stored
-- Params   $source_id
CREATE OR REPLACE TEMP TABLE passes AS
WITH seen_then AS (
    SELECT observed_at, s.series_no, s.effective_at
    FROM (
        SELECT observed_at, unnest(seen) AS s
        FROM price_confirmed SEMI JOIN repeats USING (observed_at) WHERE source_id = $source_id
    )
    UNION ALL
    SELECT observed_at, series_no, effective_at FROM repeats
)
SELECT observed_at, min(effective_at) AS first_at, max(effective_at) AS last_at,
       list({series_no: series_no, effective_at: effective_at} ORDER BY series_no, effective_at) AS seen
FROM seen_then GROUP BY observed_at;

DELETE FROM price_confirmed
WHERE source_id = $source_id AND observed_at IN (SELECT observed_at FROM repeats);

INSERT INTO price_confirmed BY NAME
SELECT *, $source_id AS source_id FROM (FROM passes UNION ALL BY NAME FROM pass) ORDER BY observed_at;
