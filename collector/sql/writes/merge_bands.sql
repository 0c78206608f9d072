-- Add published interruption bands, once. Input `incoming`: the columns of interruption_band without its source and run.
-- Params: $source_id, $ingest_run_id. Answer: one row, rows_new.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT provider, region, zone, sku, what, denominator, horizon_s, window_s, label, rate_low, rate_high, saving,
       effective_at, observed_at, $source_id AS source_id
FROM incoming
EXCEPT
SELECT provider, region, zone, sku, what, denominator, horizon_s, window_s, label, rate_low, rate_high, saving,
       effective_at, observed_at, source_id
FROM interruption_band;

INSERT INTO interruption_band BY NAME SELECT *, $ingest_run_id AS ingest_run_id FROM fresh;

SELECT count(*) AS rows_new FROM fresh;
