-- Which prices are no stored change?
-- Input: `held`: series_no, effective_at, observed_at, price_usd_per_hour, row_no.
-- Params: $from_at, $until_at (span of effective_at in `held`). Answer: one row per such price, row_no.
SELECT row_no
FROM held ANTI JOIN (
    SELECT series_no, effective_at, observed_at, price_usd_per_hour
    FROM price_change WHERE effective_at BETWEEN $from_at AND $until_at
) USING (series_no, effective_at, observed_at, price_usd_per_hour);
