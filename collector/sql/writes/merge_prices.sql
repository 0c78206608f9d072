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

SELECT count(*) AS rows_new FROM fresh;
