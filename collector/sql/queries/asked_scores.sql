-- Which placement queries were sent in the last day?
--
-- Grain    one row per query that was answered, or refused by the provider itself
-- Params   $as_of TIMESTAMPTZ: the end of that day, nothing later is seen
--          $source_id, $unsent (the refusal of queries that were never sent)
-- Columns  query   as JSON with sorted keys
SELECT DISTINCT query FROM placement_score
WHERE source_id = $source_id AND observed_at > $as_of - INTERVAL 24 HOUR AND observed_at <= $as_of
  AND refusal IS DISTINCT FROM $unsent
ORDER BY query;
