-- Add probes that are not there yet.
--
-- Input    `incoming`: pool_id, effective_at, observed_at, wanted, obtainable, holds_s
-- Params   $source_id, $ingest_run_id, $from_at, $until_at (span of effective_at in `incoming`)
-- Answer   one row: rows_new
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT DISTINCT i.pool_id, i.effective_at, i.observed_at, i.wanted, i.obtainable, i.holds_s
FROM incoming AS i
ANTI JOIN (
    FROM probe WHERE source_id = $source_id AND effective_at BETWEEN $from_at AND $until_at
) AS known USING (pool_id, effective_at, observed_at, wanted, obtainable, holds_s);

INSERT INTO probe BY NAME
SELECT *, $source_id AS source_id, $ingest_run_id AS ingest_run_id FROM fresh ORDER BY effective_at;

SELECT count(*) AS rows_new FROM fresh;
