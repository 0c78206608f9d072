-- Leave each price of the temporary table `fresh` there once, and none that `known` (of judge_prices.sql)
-- holds as a repeat. Answer: one row, rows_fresh.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT DISTINCT * FROM fresh ANTI JOIN known USING (series_no, effective_at, observed_at, price_usd_per_hour)
ORDER BY effective_at;

SELECT count(*) AS rows_fresh FROM fresh;
