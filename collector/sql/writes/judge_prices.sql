-- Which fresh prices are repeats, and which stored ones become, or cease to be, repeats by them?
--
-- Input    the temporary tables `fresh` of fresh_prices.sql, `reach` of reach_prices.sql, `eve` and
--          `eve_repeat` of eve_prices.sql
-- Params   $source_id, $from_at, $until_at (span of effective_at in `fresh`)
-- Answer   one row: doubles (rows that stand twice in `fresh`, or there and among the stored repeats;
--          while there are any, the judgement is not to be used). It stays in the temporary table
--          `judged`, which holds exceptions only: a fresh row that is not there is a change.
--
-- A row is a repeat when the row just before it (by effective_at, observed_at, price, within
-- its series) has the same price and was learnt no later, and no other price of the series
-- shares both its instants. Then at every instant and under every $as_of the changes alone
-- give the price that all rows would give. The rule looks at the set of rows and not at their
-- arrival, so a late row may move its neighbours between the two tables; nothing is lost.
-- Stored rows between the first and the last fresh one of each series. A repeat has no price yet.
CREATE OR REPLACE TEMP TABLE inside AS
SELECT c.series_no, effective_at, observed_at, price_usd_per_hour
FROM price_change AS c JOIN reach AS r ON r.series_no = c.series_no
WHERE effective_at BETWEEN $from_at AND $until_at AND effective_at BETWEEN low AND high
UNION ALL
SELECT s.series_no, s.effective_at, observed_at, NULL
FROM (
    SELECT observed_at, unnest(seen) AS s FROM price_confirmed
    WHERE source_id = $source_id AND first_at <= $until_at AND last_at >= $from_at
) JOIN reach AS r ON r.series_no = s.series_no
WHERE s.effective_at BETWEEN low AND high;

-- Beyond the reach only the nearest rows matter: the last repeat between the eve and the
-- first fresh row, and the first two rows after the last fresh one.
CREATE OR REPLACE TEMP TABLE beside AS
WITH confirmed AS (
    SELECT s.series_no, s.effective_at, observed_at
    FROM (
        SELECT observed_at, unnest(seen) AS s FROM price_confirmed
        WHERE source_id = $source_id AND last_at >= $from_at::TIMESTAMPTZ - INTERVAL 7 DAY
    )
),
later AS (
    SELECT c.series_no, effective_at, observed_at, price_usd_per_hour
    FROM price_change AS c JOIN reach AS r ON r.series_no = c.series_no
    WHERE effective_at > $from_at AND effective_at > high
    UNION ALL
    SELECT c.series_no, effective_at, observed_at, NULL
    FROM confirmed AS c JOIN reach AS r ON r.series_no = c.series_no
    WHERE effective_at > high
)
SELECT series_no, effective_at, observed_at, NULL::DECIMAL(18, 9) AS price_usd_per_hour FROM eve_repeat
UNION ALL
SELECT series_no, row.e, row.o, row.p
FROM (  -- Two of them: whether the first shares its instants with another decides what it is.
    SELECT series_no, unnest(arg_min({e: effective_at, o: observed_at, p: price_usd_per_hour},
                                     (effective_at, observed_at, coalesce(price_usd_per_hour, 0)), 2)) AS row
    FROM later GROUP BY series_no
);

CREATE OR REPLACE TEMP TABLE known AS
SELECT series_no, effective_at, observed_at, price_usd_per_hour IS NULL AS was_repeat,
       last_value(price_usd_per_hour IGNORE NULLS) OVER (
           PARTITION BY series_no ORDER BY effective_at, observed_at, price_usd_per_hour NULLS LAST
           ROWS UNBOUNDED PRECEDING) AS price_usd_per_hour
FROM (FROM inside UNION ALL FROM eve UNION ALL FROM beside);

CREATE OR REPLACE TEMP TABLE judged AS
WITH stretch AS (
    SELECT *, NULL::BOOLEAN AS was_repeat FROM fresh
    UNION ALL BY NAME
    FROM known
),
placed AS (
    SELECT *,
           lag(effective_at) OVER in_order AS lag_effective_at, lag(observed_at) OVER in_order AS lag_observed_at,
           lag(price_usd_per_hour) OVER in_order AS lag_price, lag(was_repeat IS NULL) OVER in_order AS lag_fresh,
           lead(effective_at) OVER in_order AS lead_effective_at, lead(observed_at) OVER in_order AS lead_observed_at,
           lead(was_repeat IS NULL) OVER in_order AS lead_fresh
    FROM stretch
    WINDOW in_order AS (
        PARTITION BY series_no ORDER BY effective_at, observed_at, price_usd_per_hour, was_repeat NULLS LAST)
),
ruled AS (
    SELECT *,
           effective_at = lag_effective_at AND observed_at = lag_observed_at    AS after_tie,
           effective_at = lead_effective_at AND observed_at = lead_observed_at  AS before_tie,
           price_usd_per_hour = lag_price                                       AS same_price
    FROM placed
)
SELECT series_no, effective_at, observed_at, price_usd_per_hour, was_repeat,
       coalesce(same_price AND lag_observed_at <= observed_at, false)
       AND NOT coalesce(after_tie, false) AND NOT coalesce(before_tie, false) AS is_repeat,
       coalesce(was_repeat IS NULL AND after_tie AND same_price, false)       AS is_double
FROM ruled
-- Fresh rows that are not plainly changes, and stored rows beside a fresh one that are not what they were.
WHERE CASE WHEN was_repeat IS NULL THEN is_repeat OR is_double
           ELSE (lag_fresh OR (lead_fresh AND before_tie)) AND is_repeat <> was_repeat END;

SELECT count(*) FILTER (is_double) AS doubles FROM judged;
