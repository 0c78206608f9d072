-- Store changes that lie after all that is stored of their series.
-- Input: `changes`: series_no, effective_at, observed_at, price_usd_per_hour, by series. Params: $ingest_run_id.
INSERT INTO price_change BY NAME SELECT *, $ingest_run_id AS ingest_run_id FROM changes;
