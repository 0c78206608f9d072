-- Add interruption events, each once: queues deliver twice, and logs are read again.
--
-- Input    `incoming`: the columns of interruption_event without its source and run
-- Params   $source_id, $ingest_run_id
-- Answer   one row: rows_new
--
-- Of all deliveries of an event the first observed is kept, and of those the one that knows the
-- machine; the other columns only make the choice the same in any order. A stored event gives
-- way to an earlier delivery that arrives late, so that it is visible from when it was known.
CREATE OR REPLACE TEMP TABLE fresh AS
WITH delivered AS (
    SELECT *, $source_id AS source_id, NULL AS ingest_run_id FROM incoming
    UNION ALL BY NAME
    SELECT known.* FROM interruption_event AS known SEMI JOIN incoming USING (provider, event_id)
)
SELECT * EXCLUDE (ingest_run_id) FROM delivered
QUALIFY row_number() OVER (
    PARTITION BY provider, event_id
    ORDER BY observed_at, sku NULLS LAST, zone NULLS LAST, effective_at, what, witness, region, instance_ref,
             action NULLS LAST, notice_s NULLS LAST, source_id, ingest_run_id NULLS LAST) = 1
    AND ingest_run_id IS NULL;

DELETE FROM interruption_event AS known USING fresh
WHERE known.provider = fresh.provider AND known.event_id = fresh.event_id;

INSERT INTO interruption_event BY NAME SELECT *, $ingest_run_id AS ingest_run_id FROM fresh;

SELECT count(*) AS rows_new FROM fresh;
