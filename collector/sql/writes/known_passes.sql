-- Which passes of a source are stored? Params: $source_id, $from_at, $until_at (span of observed_at).
-- Answer: one row per pass, observed_at.
SELECT observed_at FROM price_confirmed
WHERE source_id = $source_id AND observed_at BETWEEN $from_at AND $until_at;
