-- Add interruption events whose provider and event_id are not there yet: queues deliver twice.
--
-- Input    `incoming`: the columns of interruption_event without its source and run
-- Params   $source_id, $ingest_run_id
-- Answer   one row: rows_new
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT i.* FROM incoming AS i
ANTI JOIN interruption_event AS known USING (provider, event_id)
-- Of two deliveries the one that knows the machine, then the earlier.
QUALIFY row_number() OVER (
    PARTITION BY provider, event_id ORDER BY sku NULLS LAST, observed_at, zone, instance_ref) = 1;

INSERT INTO interruption_event BY NAME
SELECT *, $source_id AS source_id, $ingest_run_id AS ingest_run_id FROM fresh;

SELECT count(*) AS rows_new FROM fresh;
