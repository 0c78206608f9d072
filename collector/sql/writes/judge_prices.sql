-- Which fresh prices are repeats, and which stored ones become, or cease to be, repeats by them?
--
-- Input    the temporary table `fresh` of fresh_prices.sql
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
CREATE OR REPLACE TEMP TABLE reach AS
SELECT series_no, min(effective_at) AS low, max(effective_at) AS high FROM fresh GROUP BY series_no;

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

-- The last change before them. It is looked for in the week before and, only for the series
-- that have none there, in all of the past.
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
near AS (
    SELECT c.series_no, max({e: c.effective_at, o: c.observed_at}) AS place
    FROM confirmed AS c JOIN reach AS r ON r.series_no = c.series_no
    WHERE c.effective_at < low GROUP BY c.series_no
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
),
last_repeat AS (  -- One before the eve says nothing that the eve does not.
    SELECT series_no, place FROM (FROM near UNION ALL FROM far) JOIN eve USING (series_no)
    WHERE place > {e: effective_at, o: observed_at}
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
SELECT series_no, place.e AS effective_at, place.o AS observed_at, NULL::DECIMAL(18, 9) AS price_usd_per_hour
FROM last_repeat
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
