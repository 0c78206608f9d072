-- Store fresh prices as they were judged. Whatever order rows arrive in, the store ends the same.
--
-- Input    the temporary tables `fresh` of fresh_prices.sql, without doubles, and `judged` of judge_prices.sql
-- Params   $source_id, $ingest_run_id
-- Answer   one row: rows_new
DELETE FROM price_change AS p USING (FROM judged WHERE was_repeat = false AND is_repeat) AS j
WHERE p.series_no = j.series_no AND p.effective_at = j.effective_at AND p.observed_at = j.observed_at
  AND p.price_usd_per_hour = j.price_usd_per_hour;

-- One INSERT: after a second one, even of no row, into the same table in the same transaction DuckDB
-- 1.5.5 does not show the rows of the first until the file is opened again.
INSERT INTO price_change BY NAME
SELECT *, $ingest_run_id AS ingest_run_id
FROM fresh
ANTI JOIN (FROM judged WHERE was_repeat IS NULL) AS r USING (series_no, effective_at, observed_at, price_usd_per_hour)
UNION ALL BY NAME
SELECT series_no, effective_at, observed_at, price_usd_per_hour, $ingest_run_id AS ingest_run_id
FROM judged WHERE was_repeat AND NOT is_repeat;

-- Passes that gain or lose a repeat are written anew.
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

SELECT count(*) AS rows_new FROM fresh;
