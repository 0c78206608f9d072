-- What is stored last of each series before the first row of a batch?
--
-- Input    the temporary table `reach`: series_no, low, high (first and last effective_at in the batch)
-- Params   $source_id, $from_at, $until_at (span of effective_at in the batch)
-- Leaves   `eve`: the last change of each series that has one; `eve_repeat`: the last repeat after it
-- Answer   one row per series with an eve: series_no; observed_at of the last row, repeat or not;
--          price_usd_per_hour
--
-- The last change is looked for in the week before and, only for the series that have none there,
-- in all of the past.
CREATE OR REPLACE TEMP TABLE eve AS
WITH near AS (
    SELECT c.series_no,
           arg_max({e: effective_at, o: observed_at, p: price_usd_per_hour},
                   (effective_at, observed_at, price_usd_per_hour)) AS row
    FROM price_change AS c JOIN reach AS r ON r.series_no = c.series_no
    WHERE effective_at >= $from_at::TIMESTAMPTZ - INTERVAL 7 DAY AND effective_at <= $until_at AND effective_at < low
    GROUP BY c.series_no
),
far AS (
    SELECT c.series_no,
           arg_max({e: effective_at, o: observed_at, p: price_usd_per_hour},
                   (effective_at, observed_at, price_usd_per_hour)) AS row
    FROM price_change AS c JOIN (FROM reach ANTI JOIN near USING (series_no)) AS r ON r.series_no = c.series_no
    WHERE effective_at < $from_at::TIMESTAMPTZ - INTERVAL 7 DAY
    GROUP BY c.series_no
)
SELECT series_no, row.e AS effective_at, row.o AS observed_at, row.p AS price_usd_per_hour
FROM (FROM near UNION ALL FROM far);

CREATE OR REPLACE TEMP TABLE eve_repeat AS
WITH near AS (
    SELECT c.s.series_no AS series_no, max({e: c.s.effective_at, o: c.observed_at}) AS place
    FROM (
        SELECT observed_at, unnest(seen) AS s FROM price_confirmed
        WHERE source_id = $source_id AND last_at >= $from_at::TIMESTAMPTZ - INTERVAL 7 DAY
    ) AS c JOIN reach AS r ON r.series_no = c.s.series_no
    WHERE c.s.effective_at < low GROUP BY ALL
),
far AS (
    SELECT c.s.series_no AS series_no, max({e: c.s.effective_at, o: c.observed_at}) AS place
    FROM (
        SELECT observed_at, unnest(seen) AS s FROM price_confirmed
        WHERE source_id = $source_id AND first_at < $from_at::TIMESTAMPTZ - INTERVAL 7 DAY
    ) AS c
    JOIN (FROM reach SEMI JOIN eve USING (series_no) ANTI JOIN near USING (series_no)) AS r
        ON r.series_no = c.s.series_no
    WHERE c.s.effective_at < low GROUP BY ALL
)
SELECT series_no, place.e AS effective_at, place.o AS observed_at
FROM (FROM near UNION ALL FROM far) JOIN eve USING (series_no)
WHERE place > {e: effective_at, o: observed_at};  -- One before the eve says nothing that the eve does not.

SELECT eve.series_no, coalesce(eve_repeat.observed_at, eve.observed_at) AS observed_at, price_usd_per_hour
FROM eve LEFT JOIN eve_repeat USING (series_no);
