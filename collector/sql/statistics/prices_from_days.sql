-- What did each pool cost in the window? From the day ledger, and from rows for the first and last day.
--
-- Input    `price_stat` of prices_from_rows.sql for the pools with a list price; `chosen`, `by_row`
-- Params   $as_of, $window; nothing in the store may have been observed after $as_of
-- Leaves   `price_stat` with the other pools added: the very same numbers as from rows
CREATE OR REPLACE TEMP TABLE by_day AS SELECT DISTINCT pool_no FROM chosen ANTI JOIN by_row USING (pool_no);

CREATE OR REPLACE TEMP TABLE price_stretch AS
WITH edge AS (  -- The rows of the days on which the window begins and ends, each a stretch without length.
    SELECT pool_no, effective_at, p.series_no, observed_at, round(price_usd_per_hour::DOUBLE * 1e9)::BIGINT AS nano
    FROM price_change AS p JOIN chosen AS c ON c.series_no = p.series_no SEMI JOIN by_day USING (pool_no)
    WHERE (effective_at BETWEEN ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE::TIMESTAMPTZ
               AND least($as_of::TIMESTAMPTZ, ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE::TIMESTAMPTZ + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND))
       OR (effective_at BETWEEN $as_of::TIMESTAMPTZ::DATE::TIMESTAMPTZ AND $as_of)
    WINDOW in_order AS (PARTITION BY pool_no ORDER BY effective_at, rank, observed_at, price_usd_per_hour)
    QUALIFY lead(effective_at) OVER in_order IS DISTINCT FROM effective_at
),
inner_day AS (
    SELECT * EXCLUDE (day) FROM price_day SEMI JOIN by_day USING (pool_no)
    WHERE day > ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE AND day < $as_of::TIMESTAMPTZ::DATE
),
carried AS (  -- The last row at or before the beginning: of that day, or of the last day before it.
    SELECT pool_no, arg_max({e: effective_at, s: series_no, o: observed_at, n: nano}, effective_at) AS row
    FROM edge WHERE effective_at <= $as_of::TIMESTAMPTZ - $window::INTERVAL GROUP BY pool_no
),
carried_over AS (
    SELECT pool_no, arg_max({e: last_at, s: series_no, o: observed_at, n: last_nano}, day) AS row
    FROM price_day SEMI JOIN (FROM by_day ANTI JOIN carried USING (pool_no)) USING (pool_no)
    WHERE day < ($as_of::TIMESTAMPTZ - $window::INTERVAL)::DATE GROUP BY pool_no
),
lone AS (
    SELECT pool_no, row.e AS effective_at, row.s AS series_no, row.o AS observed_at, row.n AS nano
    FROM (FROM carried UNION ALL FROM carried_over)
    UNION ALL
    SELECT pool_no, effective_at, series_no, observed_at, nano
    FROM edge WHERE effective_at > $as_of::TIMESTAMPTZ - $window::INTERVAL
)
FROM inner_day
UNION ALL BY NAME
SELECT pool_no, effective_at AS first_at, effective_at AS last_at, nano AS first_nano, nano AS last_nano, series_no,
       observed_at, NULL::TIMESTAMPTZ AS changed_at, 0 AS changes, 0::HUGEINT AS usd_us, 0::HUGEINT AS log_us,
       0::HUGEINT AS log2_us, nano AS low, nano AS high, [series_no] AS series
FROM lone;

INSERT INTO price_stat BY NAME
WITH joined AS (
    SELECT *, lag(last_nano) OVER in_order AS before, lead(first_at) OVER in_order AS next_at
    FROM price_stretch WINDOW in_order AS (PARTITION BY pool_no ORDER BY first_at)
),
piece AS (
    SELECT *, next_at IS NULL AS is_last, round(ln(last_nano * 1e-9) * 1e9)::BIGINT AS log_nano,
           epoch_us(last_at) - epoch_us(first_at) AS inner_us,
           epoch_us(coalesce(next_at, $as_of::TIMESTAMPTZ))
           - epoch_us(greatest(last_at, $as_of::TIMESTAMPTZ - $window::INTERVAL)) AS us
    FROM joined
)
SELECT pool_no, max(last_nano) FILTER (is_last) AS nano, max(series_no) FILTER (is_last) AS series_no,
       max(observed_at) FILTER (is_last) AS observed_at,
       max(coalesce(changed_at, CASE WHEN before IS DISTINCT FROM first_nano THEN first_at END)) AS changed_at,
       sum(changes + (before IS NOT NULL AND before <> first_nano)::INTEGER)::BIGINT AS changes,
       sum(inner_us + us)::BIGINT AS us, sum(usd_us + last_nano::HUGEINT * us) AS usd_us,
       sum(log_us + log_nano::HUGEINT * us) AS log_us, sum(log2_us + log_nano::HUGEINT * log_nano * us) AS log2_us,
       min(low) AS low, max(high) AS high, list_distinct(flatten(list(DISTINCT series))) AS series
FROM piece GROUP BY pool_no;
