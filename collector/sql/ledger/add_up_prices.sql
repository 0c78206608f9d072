-- Add up the price rows of one month, day by day, and the month from its days.
--
-- Params   $month, $next_month DATE; $all: every day of it, or only those touched, which lie from $first_day
--          until before $end_day
CREATE OR REPLACE TEMP TABLE dirty AS
SELECT DISTINCT pool_no, day FROM touched_price JOIN series USING (series_no)
WHERE day >= $month AND day < $next_month AND NOT $all;

DELETE FROM price_day
WHERE day >= $month AND day < $next_month AND ($all OR (pool_no, day) IN (FROM dirty));

INSERT INTO price_day BY NAME
WITH dated AS (
    SELECT pool_no, p.series_no, CASE kind WHEN 'recorded' THEN 3 WHEN 'synthetic' THEN 2 ELSE 1 END AS rank,
           effective_at, observed_at, price_usd_per_hour, effective_at::DATE AS day
    FROM price_change AS p JOIN series USING (series_no)
    WHERE effective_at >= $first_day::DATE::TIMESTAMPTZ AND effective_at < $end_day::DATE::TIMESTAMPTZ
      AND ($all OR (pool_no, effective_at::DATE) IN (FROM dirty))
),
step AS (
    SELECT pool_no, day, max(observed_at) OVER whole AS newest_at,
           min(series_no) OVER whole <> max(series_no) OVER whole AS is_mixed, series_no, effective_at, observed_at, round(price_usd_per_hour::DOUBLE * 1e9)::BIGINT AS nano,
           lead(effective_at) OVER in_order AS until_at
    FROM dated
    WINDOW whole AS (PARTITION BY pool_no, day),
           in_order AS (PARTITION BY pool_no, day ORDER BY effective_at, rank, observed_at, price_usd_per_hour, series_no)
    QUALIFY until_at IS NULL OR until_at > effective_at
),
piece AS (
    SELECT *, round(ln(nano * 1e-9) * 1e9)::BIGINT AS log_nano,
           lag(nano) OVER (PARTITION BY pool_no, day ORDER BY effective_at) AS before,
           coalesce(epoch_us(until_at) - epoch_us(effective_at), 0) AS us
    FROM step
)
SELECT pool_no, day, min(effective_at) AS first_at, max(effective_at) AS last_at,
       arg_min(nano, effective_at) AS first_nano, arg_max(nano, effective_at) AS last_nano,
       arg_max(series_no, effective_at) AS series_no, arg_max(observed_at, effective_at) AS observed_at,
       max(newest_at) AS newest_at,
       max(effective_at) FILTER (before <> nano) AS changed_at, count(*) FILTER (before <> nano) AS changes,
       sum(nano::HUGEINT * us) AS usd_us, sum(log_nano::HUGEINT * us) AS log_us,
       sum(log_nano::HUGEINT * log_nano * us) AS log2_us, min(nano) AS low, max(nano) AS high,
       list(DISTINCT series_no) FILTER (is_mixed) AS others
FROM piece GROUP BY pool_no, day
ORDER BY pool_no, day;  -- So that one pool's days lie together.

DELETE FROM price_month WHERE day = $month AND ($all OR pool_no IN (SELECT pool_no FROM dirty));

INSERT INTO price_month BY NAME
WITH joined AS (
    SELECT *, lag(last_nano) OVER in_order AS before, lag(series_no) OVER in_order AS series_before,
           round(ln(last_nano * 1e-9) * 1e9)::BIGINT AS log_nano,
           coalesce(epoch_us(lead(first_at) OVER in_order) - epoch_us(last_at), 0) AS us
    FROM price_day
    WHERE day >= $month AND day < $next_month AND ($all OR pool_no IN (SELECT pool_no FROM dirty))
    WINDOW in_order AS (PARTITION BY pool_no ORDER BY day)
)
SELECT pool_no, $month::DATE AS day, min(first_at) AS first_at, max(last_at) AS last_at,
       arg_min(first_nano, day) AS first_nano, arg_max(last_nano, day) AS last_nano,
       arg_max(series_no, day) AS series_no, arg_max(observed_at, day) AS observed_at, max(newest_at) AS newest_at,
       max(coalesce(changed_at, CASE WHEN before <> first_nano THEN first_at END)) AS changed_at,
       sum(changes + coalesce(before <> first_nano, false)::INTEGER)::BIGINT AS changes,
       sum(usd_us + last_nano::HUGEINT * us) AS usd_us, sum(log_us + log_nano::HUGEINT * us) AS log_us,
       sum(log2_us + log_nano::HUGEINT * log_nano * us) AS log2_us, min(low) AS low, max(high) AS high,
       CASE WHEN min(series_no) <> max(series_no) OR count(others) > 0
            THEN list_distinct(list(DISTINCT series_no) FILTER (series_before IS DISTINCT FROM series_no) || coalesce(flatten(list(others) FILTER (others IS NOT NULL)), []))
       END AS others
FROM joined GROUP BY pool_no
ORDER BY pool_no;

DELETE FROM touched_price WHERE day >= $month AND day < $next_month;
