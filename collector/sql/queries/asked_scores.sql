-- Which placement queries did we send lately? Grain: one row per query that was answered or refused by AWS itself.
-- Params: $source_id, $after TIMESTAMPTZ (sent later than this), $unsent (the refusal that marks queries never sent).
SELECT DISTINCT query FROM placement_score
WHERE source_id = $source_id AND observed_at > $after AND refusal IS DISTINCT FROM $unsent
ORDER BY query;
