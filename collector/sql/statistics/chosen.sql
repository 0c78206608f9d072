-- Which series are asked about, and in which order do prices of one pool count?
--
-- Params   $pool_id (NULL: every pool; else that one, and what its machine costs on demand)
--          $ledger: whether days are added up, so that only pools with a list price need their rows
-- Leaves   `chosen`: pool_no, series_no, rank (of one instant, recorded before synthetic before list);
--          `rival`: the series of pools with a list price among them. Where a list price competes, an
--          observation that repeats the recorded price says that this still stands after the list
--          price was stated, so there every repeat counts as a row of its own (`rival_repeat`);
--          `by_row`: the series whose price rows have to be looked at
CREATE OR REPLACE TEMP TABLE chosen AS
SELECT pool_no, series_no, source_id, CASE kind WHEN 'recorded' THEN 3 WHEN 'synthetic' THEN 2 ELSE 1 END AS rank
FROM series JOIN pool USING (pool_no)
WHERE $pool_id IS NULL OR pool_id = $pool_id
   OR (capacity_type = 'on_demand'
       AND (provider, region, sku) IN (SELECT (provider, region, sku) FROM pool WHERE pool_id = $pool_id));

CREATE OR REPLACE TEMP TABLE rival AS
FROM chosen SEMI JOIN (FROM chosen WHERE rank = 1) AS listed USING (pool_no);

-- Their repeats, with the price they repeat.
CREATE OR REPLACE TEMP TABLE rival_repeat AS
WITH filled AS (
    SELECT series_no, effective_at, observed_at, price_usd_per_hour IS NULL AS is_repeat,
           last_value(price_usd_per_hour IGNORE NULLS) OVER (
               PARTITION BY series_no ORDER BY effective_at, observed_at, price_usd_per_hour NULLS LAST
               ROWS UNBOUNDED PRECEDING) AS price_usd_per_hour
    FROM (
        SELECT series_no, effective_at, observed_at, price_usd_per_hour
        FROM price_change SEMI JOIN rival USING (series_no)
        UNION ALL
        SELECT s.series_no, s.effective_at, observed_at, NULL
        FROM (
            SELECT observed_at, unnest(seen) AS s
            FROM price_confirmed SEMI JOIN rival USING (source_id)
        ) AS c SEMI JOIN rival AS r ON r.series_no = c.s.series_no
    )
)
SELECT series_no, effective_at, observed_at, price_usd_per_hour FROM filled WHERE is_repeat;

CREATE OR REPLACE TEMP TABLE by_row AS FROM chosen WHERE NOT $ledger OR series_no IN (SELECT series_no FROM rival);
