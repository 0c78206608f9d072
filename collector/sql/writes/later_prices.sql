-- Is anything stored of a series that took effect no earlier than the first row of a batch?
--
-- Input    `incoming_reach`: series_no, low, high (first and last effective_at in the batch)
-- Params   $source_id, $from_at (least `low`)
-- Leaves   the temporary table `reach`: the same
-- Answer   one row: later BOOLEAN
CREATE OR REPLACE TEMP TABLE reach AS FROM incoming_reach;

SELECT EXISTS (
    FROM price_change AS c JOIN reach AS r ON r.series_no = c.series_no
    WHERE c.effective_at >= $from_at AND c.effective_at >= low
) OR EXISTS (
    FROM (
        SELECT unnest(seen) AS s FROM price_confirmed WHERE source_id = $source_id AND last_at >= $from_at
    ) JOIN reach AS r ON r.series_no = s.series_no
    WHERE s.effective_at >= low
) AS later;
