-- Add probes that are not there yet.
--
-- Input    `incoming`: series_no, effective_at, observed_at, wanted, obtainable, holds_s
-- Params   $ingest_run_id, $from_at, $until_at (span of effective_at in `incoming`)
-- Answer   one row: rows_new. What was new stays in the temporary table `fresh`.
CREATE OR REPLACE TEMP TABLE fresh AS
WITH batch AS (
    SELECT DISTINCT series_no, effective_at, observed_at, wanted, obtainable, holds_s FROM incoming
)
FROM batch ANTI JOIN (
    FROM probe_seen WHERE effective_at BETWEEN $from_at AND $until_at
) AS known USING (series_no, effective_at, observed_at, wanted, obtainable, holds_s);

INSERT INTO probe_seen BY NAME
SELECT *, $ingest_run_id AS ingest_run_id FROM fresh ORDER BY effective_at;

SELECT count(*) AS rows_new FROM fresh;
