-- Add run events once. Input `incoming`: attempt, node, seq, reported_at, content. Params: $run_id, $at.
-- Answer: one row, accepted and duplicates; the rest of the batch contradicts its key.
CREATE OR REPLACE TEMP TABLE judged AS
WITH batch AS (SELECT *, row_number() OVER () AS place FROM incoming),
     firsts AS (FROM batch QUALIFY row_number() OVER (PARTITION BY attempt, node, seq ORDER BY place) = 1)
SELECT batch.*,
       coalesce(known.content, firsts.content) AS stands,
       known.content IS NULL AND batch.place = firsts.place AS is_new
FROM batch
JOIN firsts USING (attempt, node, seq)
LEFT JOIN (FROM run_event WHERE run_id = $run_id) AS known USING (attempt, node, seq);

INSERT INTO run_event
SELECT $run_id, attempt, node, seq, reported_at, content, $at FROM judged WHERE is_new;

INSERT INTO quarantine
SELECT DISTINCT 'run:' || $run_id, 'conflicting event', content, $at, NULL::BIGINT
FROM judged
WHERE content <> stands
  AND content NOT IN (SELECT content FROM quarantine WHERE source_id = 'run:' || $run_id);

SELECT count(*) FILTER (is_new) AS accepted,
       count(*) FILTER (NOT is_new AND content = stands) AS duplicates
FROM judged;
