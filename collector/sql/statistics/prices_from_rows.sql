-- What did each pool cost in the window? From the changes themselves.
--
-- Input    `chosen`, `rival_repeat` of chosen.sql; `by_row`: the series of `chosen` to be looked at
-- Params   $as_of, $window: nothing effective or observed later is seen
-- Leaves   `price_stat`, one row per pool with a price in force at some instant of the window:
--          nano (price in force at the end, 1e-9 USD per hour), series_no and observed_at of it,
--          changed_at (when it came into force), changes; us (microseconds with a price) and the
--          sums over them of price (usd_us) and of log price in 1e-9 (log_us, log2_us), all whole
--          numbers, so that any order of adding gives the same sum; low, high (nano); series (those of
--          every price that stood at some instant of it)
CREATE OR REPLACE TEMP TABLE price_row AS
WITH bounds AS (SELECT $as_of::TIMESTAMPTZ AS as_of, $as_of::TIMESTAMPTZ - $window::INTERVAL AS from_at),
dated AS NOT MATERIALIZED (
    SELECT pool_no, p.series_no, rank, effective_at, observed_at, price_usd_per_hour
    FROM price_change AS p JOIN by_row USING (series_no)
    UNION ALL
    SELECT pool_no, p.series_no, rank, effective_at, observed_at, price_usd_per_hour
    FROM rival_repeat AS p JOIN by_row USING (series_no)
),
-- The price carried in: looked for in the week before, then for the others in all of the past.
near AS (
    SELECT pool_no, arg_max({s: series_no, e: effective_at, o: observed_at, p: price_usd_per_hour},
                            (effective_at, rank, observed_at, price_usd_per_hour, series_no)) AS row
    FROM dated, bounds
    WHERE effective_at > $as_of::TIMESTAMPTZ - $window::INTERVAL - INTERVAL 7 DAY
      AND effective_at <= $as_of::TIMESTAMPTZ - $window::INTERVAL AND observed_at <= $as_of
    GROUP BY pool_no
),
far AS (
    SELECT pool_no, arg_max({s: series_no, e: effective_at, o: observed_at, p: price_usd_per_hour},
                            (effective_at, rank, observed_at, price_usd_per_hour, series_no)) AS row
    FROM dated JOIN (SELECT DISTINCT pool_no FROM by_row ANTI JOIN near USING (pool_no)) AS missing USING (pool_no)
    WHERE effective_at <= $as_of::TIMESTAMPTZ - $window::INTERVAL - INTERVAL 7 DAY AND observed_at <= $as_of
    GROUP BY pool_no
)
SELECT pool_no, row.s AS series_no, row.e AS effective_at, row.o AS observed_at, row.p AS price_usd_per_hour, 9 AS rank
FROM (FROM near UNION ALL FROM far)
UNION ALL
SELECT pool_no, series_no, effective_at, observed_at, price_usd_per_hour, rank FROM dated
WHERE effective_at > $as_of::TIMESTAMPTZ - $window::INTERVAL AND effective_at <= $as_of AND observed_at <= $as_of;

CREATE OR REPLACE TEMP TABLE price_stat AS
WITH step AS (  -- The last row of an instant stands; those it corrects have no length.
    SELECT pool_no, series_no, effective_at, observed_at, round(price_usd_per_hour::DOUBLE * 1e9)::BIGINT AS nano,
           lead(effective_at) OVER in_order AS until_at
    FROM price_row
    WINDOW in_order AS (PARTITION BY pool_no ORDER BY effective_at, rank, observed_at, price_usd_per_hour, series_no)
    QUALIFY until_at IS NULL OR until_at > effective_at
),
piece AS (
    SELECT *, round(ln(nano * 1e-9) * 1e9)::BIGINT AS log_nano, lag(nano) OVER (PARTITION BY pool_no ORDER BY effective_at) AS before,
           epoch_us(coalesce(until_at, $as_of::TIMESTAMPTZ))
           - epoch_us(greatest(effective_at, $as_of::TIMESTAMPTZ - $window::INTERVAL)) AS us
    FROM step
)
SELECT pool_no, max(nano) FILTER (until_at IS NULL) AS nano, max(series_no) FILTER (until_at IS NULL) AS series_no,
       max(observed_at) FILTER (until_at IS NULL) AS observed_at,
       max(effective_at) FILTER (before IS DISTINCT FROM nano) AS changed_at,
       count(*) FILTER (before <> nano) AS changes,
       sum(us)::BIGINT AS us, sum(nano::HUGEINT * us) AS usd_us, sum(log_nano::HUGEINT * us) AS log_us,
       sum(log_nano::HUGEINT * log_nano * us) AS log2_us, min(nano) AS low, max(nano) AS high,
       list(DISTINCT series_no) AS series
FROM piece GROUP BY pool_no;
