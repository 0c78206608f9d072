-- Which prices of a batch are no stored change?
--
-- Input    `incoming`: series_no, effective_at, observed_at, price_usd_per_hour
-- Params   $from_at, $until_at (span of effective_at in `incoming`)
-- Answer   one row: rows_fresh. What is fresh stays in the temporary table `fresh`, in the order it
--          came in, repeats and doubles included.
CREATE OR REPLACE TEMP TABLE fresh AS
WITH batch AS (
    SELECT series_no, effective_at, observed_at, price_usd_per_hour
    FROM incoming
),
stored AS (
    SELECT series_no, effective_at, observed_at, price_usd_per_hour
    FROM price_change WHERE effective_at BETWEEN $from_at AND $until_at
)
FROM batch ANTI JOIN stored USING (series_no, effective_at, observed_at, price_usd_per_hour);

SELECT count(*) AS rows_fresh FROM fresh;
